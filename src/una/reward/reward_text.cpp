#include "una/reward/reward_text.h"

#include <optional>
#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"

namespace una::reward {
namespace {

std::vector<Message> turns_of(const Text& text, const char* role) {
  if (text.is_chat) { return text.messages; }
  return {{.role = role, .content = text.plain, .extra = ""}};
}

}  // namespace

BosRule parse_bos_rule(const std::string& name) {
  if (name == "template") { return BosRule::kTemplate; }
  if (name == "double") { return BosRule::kDouble; }
  if (name == "strip") { return BosRule::kStrip; }
  throw InputError(cat("rm_bos: '", name, "' is unknown, choose one of template, double, strip"));
}

RewardText::RewardText(const text::Tokenizer& tokenizer, const text::ChatTemplate* chat_template,
                       std::int32_t eos_id, BosRule bos, std::string date)
    : tokenizer_(tokenizer), template_(chat_template), eos_id_(eos_id), bos_(bos), date_(std::move(date)) {}

std::vector<std::int32_t> RewardText::ids(const Question& question) const {
  return question.prompt.is_chat || question.answer.is_chat ? chat_ids(question) : plain_ids(question);
}

std::vector<std::int32_t> RewardText::chat_ids(const Question& question) const {
  check_input(
      template_ != nullptr,
      "the row has chat turns, but the reward model has no chat template; give --chat_template_path FILE");
  std::vector<Message> messages = turns_of(question.prompt, "user");
  for (Message& message : turns_of(question.answer, "assistant")) { messages.push_back(std::move(message)); }
  text::RenderOptions options;
  options.tools = question.tools;
  options.template_kwargs = question.template_kwargs;
  options.date = date_;
  std::string text = template_->render(messages, options).text;
  if (bos_ == BosRule::kStrip) {
    const std::optional<std::int32_t> id = tokenizer_.bos_id();
    const std::string bos = id ? tokenizer_.token_of(*id) : "";
    if (!bos.empty() && starts_with(text, bos)) { text.erase(0, bos.size()); }
  }
  return tokenizer_.encode(text, bos_ != BosRule::kTemplate);
}

std::vector<std::int32_t> RewardText::plain_ids(const Question& question) const {
  std::vector<std::int32_t> ids = tokenizer_.encode(question.prompt.plain, false);
  if (tokenizer_.adds_bos()) {
    const std::int32_t bos = tokenizer_.encode("", true).at(0);
    if (ids.empty() || ids[0] != bos) { ids.insert(ids.begin(), bos); }
  }
  const std::vector<std::int32_t> answer = tokenizer_.encode(question.answer.plain, false);
  ids.insert(ids.end(), answer.begin(), answer.end());
  if (eos_id_ >= 0 && (answer.empty() || answer.back() != eos_id_)) { ids.push_back(eos_id_); }
  return ids;
}

}  // namespace una::reward
