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

// The same reward for several ranks: each scores its share of the questions, whole prompts together, so that N ranks
// ask a judge as often as one. It never scores in the background. `gang` outlives the result.
std::unique_ptr<reward::Reward> deal_reward(std::unique_ptr<reward::Reward> own, dist::Gang& gang);

}  // namespace una::online
