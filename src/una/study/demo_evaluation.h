#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "una/demo/task.h"
#include "una/eval/held_out.h"

namespace una::study {

// Answers of a model to prompts of the demo's task, with their gold scores.
struct ScoredSamples {
  eval::Sampled answers;
  std::vector<double> gold;  // one per answer
};

ScoredSamples sample_demo(const eval::PolicyUse& policy, const text::Tokenizer& tokenizer,
                          const std::vector<demo::Prompt>& prompts, const eval::SampleSize& size);

}  // namespace una::study
