#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/core/model_spec.h"
#include "una/model/experts/router_report.h"

namespace una::model {

// Gathers the routers' choices of one forward pass and adds the load-balancing loss's gradient in its backward, which
// it outlives. A layer that runs again in the backward (checkpointing) notes the same again. Not thread-safe.
class RouterTally {
 public:
  RouterTally(const ModelSpec& spec, std::int64_t tokens, double aux_weight);

  // Notes a layer's logits [T, E] fp32 (fp64) and choice [T, K] (CPU).
  void note(std::int64_t layer, const at::Tensor& logits, const at::Tensor& chosen);
  // The logits, whose gradient gets the loss's share; themselves where it has no weight or nothing is differentiated.
  static at::Tensor balanced(const at::Tensor& logits, const std::shared_ptr<RouterTally>& tally,
                             std::int64_t layer);
  // The loss's gradient for a layer's logits. Only the first call for a layer gives one: a graph may be differentiated
  // in two parts. Undefined after it.
  at::Tensor take_gradient(std::int64_t layer, const at::Tensor& logits);
  RouterReport report() const;

 private:
  at::Tensor shares() const;  // f [E] fp64

  std::int64_t experts_;
  double rows_, aux_weight_;           // rows: T L
  std::vector<std::int64_t> row_of_;   // of each layer in counts_, -1: dense
  std::vector<bool> taken_;            // by layer
  at::Tensor counts_, probabilities_;  // [L, E] fp64 on the CPU
};

}  // namespace una::model
