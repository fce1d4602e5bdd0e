#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "una/reward/reward.h"
#include "una/text/chat_template.h"
#include "una/text/tokenizer.h"

namespace una::reward {

// How a conversation that the template has rendered becomes ids. Models differ in their authors' scripts:
enum class BosRule : std::uint8_t {
  kTemplate,  // as rendered, no token added: what the template writes is all (apply_chat_template,
              // tokenize=True)
  kDouble,    // tokenised with special tokens on top of the template's BOS (the GRM model cards' script)
  kStrip,     // the BOS string is taken off the text, the tokenizer adds its own (Skywork's script)
};
BosRule parse_bos_rule(const std::string& name);  // "template", "double", "strip"; InputError on another

// The words of a reward model: its tokenizer and template, and how texts become the ids it reads.
class RewardText {
 public:
  // The tokenizer and the template (nullptr: none) must outlive it. `eos_id` ends plain answers; -1: none.
  // `date`: see text::RenderOptions.
  RewardText(const text::Tokenizer& tokenizer, const text::ChatTemplate* chat_template, std::int32_t eos_id,
             BosRule bos, std::string date);

  // Chat: the whole conversation through the template, without generation prompt and without anything added
  // behind it. Plain: BOS where the tokenizer adds one, prompt, answer, EOS once, each part tokenised alone
  // (as training does). InputError, without a place, on a template's refusal or where a template is missing.
  std::vector<std::int32_t> ids(const Question& question) const;

 private:
  std::vector<std::int32_t> chat_ids(const Question& question) const;
  std::vector<std::int32_t> plain_ids(const Question& question) const;

  const text::Tokenizer& tokenizer_;
  const text::ChatTemplate* template_;
  std::int32_t eos_id_;
  BosRule bos_;
  std::string date_;
};

}  // namespace una::reward
