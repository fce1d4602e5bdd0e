#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "una/demo/feedback.h"
#include "una/eval/held_out.h"
#include "una/study/grid/cells.h"

namespace una::study {

// What all cells of a seed share: the start model in `folder`/start, its answers to the prompts that get feedback, and
// its answers to the held-out prompts, which say how good it was and measure rho.
struct SeedData {
  std::string folder;
  const demo::Task* task = nullptr;
  std::vector<std::string> prompts, held_out;
  std::vector<std::vector<std::string>> answers;  // of prompts, two each
  std::vector<double> gold_before;                // of two answers to each held-out prompt
  eval::Sampled judged;                           // more of them (ids alone)
  std::vector<double> judged_gold, judged_logps;  // and their log-probs under the start model
};

// Trains the start model (a demo's) and samples; writes seed.json last, and says how good the start model is. A start model that is there is taken up.
void make_seed(const StudyOptions& options, const Seed& seed);
// InputError where the folder was made with other sizes.
SeedData read_seed(const StudyOptions& options, const Seed& seed);
// How gold scores of `per_prompt` answers to each prompt spread: their mean, and the standard deviations inside prompts and
// of the prompts' levels (f(x) matters where these differ more than answers do). `gold` is prompt by prompt; two or more
// prompts and answers.
struct GoldSpread {
  double mean = 0, inside = 0, between = 0;
};
GoldSpread gold_spread(const std::vector<double>& gold, int per_prompt);
bool has_seed(const StudyOptions& options, const Seed& seed);

}  // namespace una::study
