#pragma once

#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/base/json.h"
#include "una/core/packed_batch.h"

namespace una::objective {

// log_ratio_norm: Delta of an answer unchanged (sum), or Delta * L / length with L the mean length of the
// training data's answers (mean), which preserves the scale of beta.
class LengthNorm {
 public:
  explicit LengthNorm(const std::string& name);  // sum | mean
  bool is_mean() const { return is_mean_; }

  void observe(const std::vector<SequenceMeta>& row);
  // [S] -> [S], differentiable. InternalError for `mean` before any observe().
  at::Tensor apply(const at::Tensor& delta, const std::vector<SequenceMeta>& sequences) const;

  Json state() const;
  void load_state(const Json& state);

 private:
  bool is_mean_;
  double tokens_ = 0, answers_ = 0;
};

}  // namespace una::objective
