#pragma once

#include <ATen/core/Tensor.h>

#include "una/objective/objective.h"

namespace una::objective {

// PPO's clip on a fit (decisions 38). In later passes over a round the samples are no longer the policy's
// own: with the loss's slope g in beta Delta as minus the advantage, detached, an answer's gradient becomes
// that of max(rho g, clip(rho) g), rho = pi / pi_old of the whole answer or of each token. At rho = 1 it is
// the fit's own; outside the clip, on the side that g pushes to, there is none.
class UnaClip {
 public:
  explicit UnaClip(const ObjectiveOptions& options);

  // Whether these rows are own samples with the log-probs of the policy that sampled, and a clip is wanted.
  bool applies(const ObjectiveInput& input) const;
  // The surrogate of each answer in log pi, [S], for its detached slope in Delta [S]; counts clip_ratio.
  at::Tensor surrogate(const at::Tensor& slope, const ObjectiveInput& input, MetricSums& metrics) const;

 private:
  enum class Level { kNone, kSequence, kToken };
  Level level_;
  double low_, high_;
};

}  // namespace una::objective
