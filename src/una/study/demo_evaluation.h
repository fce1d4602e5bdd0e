#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "una/demo/task.h"
#include "una/eval/held_out.h"

namespace una::study {

// Answers of a model to prompts of a task, with their gold scores.
struct ScoredSamples {
  eval::Sampled answers;
  std::vector<double> gold;  // one per answer
};

// How many answers, and from which draws; their length is the task's.
struct DemoSample {
  int per_prompt = 1;
  std::uint64_t seed = 42;
};

ScoredSamples sample_demo(const eval::PolicyUse& policy, const text::Tokenizer& tokenizer,
                          const demo::Task& task, const std::vector<std::string>& prompts,
                          const DemoSample& size);

}  // namespace una::study
