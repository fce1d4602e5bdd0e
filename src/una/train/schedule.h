#pragma once

#include <cstdint>
#include <string>

namespace una::train {

// A learning-rate schedule in transformers' terms.
struct Schedule {
  std::string type = "linear";
  std::int64_t warmup_steps = 0;
  std::int64_t total_steps = 1;
  double min_ratio = 0.1;
};

// The factor on the peak learning rate for update number `step` (0 for the first), as transformers'
// schedulers give it: linear warm-up step / warmup, then the named decay to total_steps.
double schedule_factor(const Schedule& schedule, std::int64_t step);

}  // namespace una::train
