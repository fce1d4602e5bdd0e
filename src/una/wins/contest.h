#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "una/eval/statistics.h"
#include "una/reward/reward.h"

namespace una::wins {

// Two answers to one question: a candidate's and its opponent's. `prompt` is the number of the row that both belong to.
struct Duel {
  std::size_t prompt = 0;
  reward::Question candidate, opponent;
};

// A duel's outcome for the candidate.
struct Outcome {
  std::optional<double> share;  // 1 won, 0.5 a tie, 0 lost; nullopt: no verdict
  std::optional<double> candidate_score, opponent_score;
  std::string failure;  // why there is no verdict
};

// By a comparer, in both orders, where the reward has one, else by the scores of both. Equal answers are a tie that
// is not asked about. In chunks; `advance` is told of duels that are done, `stopped` ends the work with a shorter list.
std::vector<Outcome> judge_duels(const std::vector<Duel>& duels, reward::Reward& reward,
                                 const std::function<void(double)>& advance,
                                 const std::function<bool()>& stopped);

// A row of the table: rates over prompts, each the mean over its duels.
struct ContestScore {
  eval::Interval win_rate;                                    // bootstrap by prompt
  double length_controlled = 0;                               // see length_control.h
  std::int64_t prompts = 0, missing = 0;                      // with a verdict, and without
  std::int64_t won = 0, tied = 0, lost = 0;                   // duels
  std::optional<eval::Interval> score, opponent_score, gain;  // means over prompts, where there are scores
  std::vector<std::optional<double>> shares;                  // by prompt
  std::vector<double> gains;  // by prompt: difference of the scores, 0 where there are none
};
// InputError when no duel has a verdict, with the first failure.
ContestScore score_contest(const std::vector<Duel>& duels, const std::vector<Outcome>& outcomes,
                           std::size_t prompts);

}  // namespace una::wins
