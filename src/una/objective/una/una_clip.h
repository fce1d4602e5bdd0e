#pragma once

#include <ATen/core/Tensor.h>

#include "una/objective/objective.h"

namespace una::objective {

// PPO's clip applied to a fit. In later passes over a round the samples no longer come from the current
// policy, so the loss's slope g in beta Delta, detached, takes the role of minus the advantage: an answer's
// gradient becomes that of max(rho g, clip(rho) g), rho = pi / pi_old of the whole answer or of each token.
// At rho = 1 it is the fit's own gradient; outside the clip, on the side that g pushes to, it is zero.
class UnaClip {
 public:
  explicit UnaClip(const ObjectiveOptions& options);

  // Whether a clip is wanted and these rows are own samples with the sampling policy's log-probs.
  bool applies(const ObjectiveInput& input) const;
  // The surrogate of each answer in log pi, [S], from its detached slope in Delta [S]; adds clip_ratio.
  at::Tensor surrogate(const at::Tensor& slope, const ObjectiveInput& input, MetricSums& metrics) const;

 private:
  // The values of una_clip.
  enum class Level { kNone, kSequence, kToken };
  Level level_;
  double low_, high_;
};

}  // namespace una::objective
