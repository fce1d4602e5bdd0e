#pragma once

#include <string>
#include <vector>

#include "una/eval/preferences/pair_scores.h"

namespace una::eval {

// A prompt of RewardBench 2 with scored answers, the first `right` of them right.
struct ScoredChoices {
  std::string subset, id;
  std::vector<double> scores;
  std::size_t right = 1;
};

// RewardBench 2's result for one reward.
struct BestOfScore {
  std::vector<SubsetAccuracy> subsets;  // "Ties" among them, by its own formula
  double mean = 0;                      // plain mean of the subsets
};

// RewardBench 2 (Malik et al. 2025). A prompt counts 1 / m where its first answer has the highest score together with
// m - 1 others, else 0. "Ties": ties_score.
BestOfScore score_best_of(const std::vector<ScoredChoices>& rows);

// 0.3 times the share of tied prompts and 0.3 times that of reference prompts whose right answers all score above the
// wrong ones; 0.2 times the share of tied prompts whose gap between right and wrong is above the spread of the right
// ones, 0.2 times the same with the smaller gap of the prompt and its reference; 0.01 tanh(that gap / spread - 1).
// Rows are matched by the number behind "ref:" and "tied:". InputError on another id.
double ties_score(const std::vector<ScoredChoices>& rows);

}  // namespace una::eval
