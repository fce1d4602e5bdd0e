#pragma once

#include <memory>

#include "una/dist/gang.h"
#include "una/reward/reward.h"
#include "una/rollout/answer_source.h"

namespace una::online {

// The same source for several ranks: each samples its share of the prompts, and every rank gets all answers, in the
// order of the prompts. Random numbers are keyed by prompt, so the answers do not depend on the number of ranks
// (batches of another size may round log-probs otherwise in the last bits). `gang` outlives the result.
std::unique_ptr<rollout::AnswerSource> deal_source(std::unique_ptr<rollout::AnswerSource> own,
                                                   dist::Gang& gang);

// The same reward for several ranks: each scores its share of the questions, whole prompts together. One that waits for a
// server or a process is asked by rank 0 alone, so that limits of requests are the gang's. It never scores in the
// background. `gang` outlives the result.
std::unique_ptr<reward::Reward> deal_reward(std::unique_ptr<reward::Reward> own, dist::Gang& gang);

}  // namespace una::online
