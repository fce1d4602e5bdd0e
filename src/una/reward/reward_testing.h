#pragma once

// For this room's tests only: a small tokenizer with BOS, a template, a model.

#include <memory>
#include <string>
#include <vector>

#include "una/base/json.h"
#include "una/core/model_spec.h"
#include "una/core/tiny_spec_testing.h"
#include "una/reward/reward_text.h"

namespace una::reward {

inline constexpr std::int32_t kBos = 0, kEos = 1;

// Byte-level BPE that puts <s> in front when special tokens are asked for.
inline std::shared_ptr<const text::Tokenizer> tokenizer_with_bos() {
  const std::string source = text::train_bpe({"hello world how are you well what no <user> <assistant>"}, 320,
                                             {"<s>", "</s>", "<user>", "<assistant>"});
  Json json = parse_json(source, "tokenizer.json");
  const Json bos{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}};
  const Json text{{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  json["post_processor"] =
      Json{{"type", "TemplateProcessing"},
           {"single", Json::array({bos, text})},
           {"pair", Json::array({bos, text, text})},
           {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {kBos}}, {"tokens", {"<s>"}}}}}}};
  return std::make_shared<text::Tokenizer>(json.dump(), R"({"bos_token": "<s>", "eos_token": "</s>"})", "",
                                           "test");
}

// A tokenizer and a template whose ids are easy to read in tests.
struct Words {
  std::shared_ptr<const text::Tokenizer> shared = tokenizer_with_bos();
  const text::Tokenizer& tokenizer = *shared;
  std::shared_ptr<const text::ChatTemplate> chat_template = std::make_shared<text::ChatTemplate>(
      "{% if messages[0].role == 'system' %}{{ raise_exception('no system turn here') }}{% endif %}{{ "
      "bos_token }}"
      "{% if dated %}{{ strftime_now('%d %b %Y') }}{% endif %}"
      "{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ eos_token }}{% endfor %}"
      "{% if add_generation_prompt %}<assistant>{% endif %}",
      tokenizer.special_tokens_json(), "template");

  text::Encoder encoder(const std::string& date = "") const {
    return text::Encoder({.tokenizer = shared, .chat_template = chat_template, .eos_id = kEos},
                         {.date = date});
  }
  RewardText text(text::BosRule bos, const std::string& date = "") const { return {encoder(date), bos}; }
};

inline Text chat(const std::string& role, const std::string& content) {
  return {.is_chat = true, .plain = "", .messages = {{role, content, ""}}};
}

inline Text plain(const std::string& content) { return {.is_chat = false, .plain = content, .messages = {}}; }

inline Question ask(const Text& prompt, const Text& answer) {
  return {.prompt = prompt, .answer = answer, .tools = "", .template_kwargs = ""};
}

inline Question ask(const std::string& prompt, const std::string& answer) {
  return ask(chat("user", prompt), chat("assistant", answer));
}

inline ModelSpec reward_spec(std::int64_t vocabulary) {
  ModelSpec spec = tiny_spec({.head_dim = 4, .vocabulary = vocabulary});
  spec.architecture = "LlamaForSequenceClassification";
  spec.num_labels = 1;
  return spec;
}

}  // namespace una::reward
