#pragma once

#include <cstdint>
#include <vector>

#include "una/reward/reward.h"
#include "una/text/encoder.h"

namespace una::reward {

// How a reward model reads questions: its own encoder and the rule for BOS. Immutable, thread-safe.
class RewardText {
 public:
  RewardText(text::Encoder encoder, text::BosRule bos);

  // Chat: the whole conversation through the template, without generation prompt and with nothing added
  // behind it. Plain text: as in training. InputError, without file and line, if the template refuses it or is
  // missing.
  std::vector<std::int32_t> ids(const Question& question) const;

 private:
  text::Encoder encoder_;
  text::BosRule bos_;
};

}  // namespace una::reward
