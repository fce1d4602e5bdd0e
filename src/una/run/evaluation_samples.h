#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "una/rollout/rollout.h"

namespace una::run {

// eval_samples.jsonl: the answers of every evaluation, one line each: {"step", "row" (of the prompt), "prompt", "answer",
// "score" (null: none), "tokens", "finish"}. The report shows them side by side.
class EvaluationSamples {
 public:
  // Keeps the lines of steps up to `last_step`, where the file is there; -1: none.
  EvaluationSamples(std::string path, std::int64_t last_step);
  void add(std::int64_t step, const std::vector<rollout::Group>& groups);

 private:
  std::string path_;
};

}  // namespace una::run
