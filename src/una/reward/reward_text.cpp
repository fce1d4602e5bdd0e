#include "una/reward/reward_text.h"

#include <utility>

namespace una::reward {

RewardText::RewardText(text::Encoder encoder, text::BosRule bos) : encoder_(std::move(encoder)), bos_(bos) {}

std::vector<std::int32_t> RewardText::ids(const Question& question) const {
  return encoder_.whole(question.prompt, question.answer, question.tools, question.template_kwargs, bos_);
}

}  // namespace una::reward
