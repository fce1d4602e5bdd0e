#pragma once

#include <optional>
#include <string>
#include <vector>

#include "una/base/json.h"
#include "una/reward/reward.h"
#include "una/rollout/rollout.h"

// How often one policy's answers are better than another's to the same prompts.
namespace una::wins {

// What the first answer takes from the second: 1 a win, 0.5 a tie, 0 a defeat.
double share_of(double first_score, double second_score);
// A comparer that does not stay with one of two swapped answers shows a tie. nullopt: no verdict came, which is not a tie.
std::optional<double> share_of(const reward::Comparer::Comparison& comparison);

// An answer of the policy at step 0, with which later ones are compared.
struct StartAnswer {
  std::string text;
  std::optional<double> score;
};
using StartAnswers = std::vector<std::vector<StartAnswer>>;  // [prompts][samples]

StartAnswers start_answers(const std::vector<rollout::Group>& groups);
Json start_json(const StartAnswers& answers);
StartAnswers read_start(const Json& json);  // Json::exception on anything else

// Shares per prompt, each the mean over its samples, number i against number i of step 0.
struct PromptShares {
  std::vector<double> shares;  // of the prompts that have a verdict
  std::int64_t missing = 0;    // prompts without one
};
// By the scores of both. `start` has a list for every group.
PromptShares shares_against(const StartAnswers& start, const std::vector<rollout::Group>& groups);
// By a comparer, which is asked once about every two answers that differ. Equal texts are ties.
PromptShares shares_against(const StartAnswers& start, const std::vector<rollout::Group>& groups,
                            reward::Comparer& comparer);

}  // namespace una::wins
