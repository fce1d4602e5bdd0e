#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/base/json.h"
#include "una/core/loss.h"
#include "una/core/packed_batch.h"
#include "una/objective/objective_options.h"
#include "una/objective/una/groups.h"
#include "una/objective/una/thumbs.h"
#include "una/objective/una/una_targets.h"

namespace una::objective {

// una_mix likelihood: one latent utility a = beta Delta + V per answer, in the unit of the scores, V ~ N(m, tau^2) one
// per prompt, and three noisy readings of it:
//   score    N(a, sigma_s^2)
//   pair     P(chosen) = Phi((a_w - a_l) / (sqrt 2 sigma_p)), where V cancels
//   thumb    P(up) = Phi((a - c) / sigma_b)
// The loss is the negative log-likelihood with V integrated out: in closed form for scores, by quadrature for thumbs.
// Scales and thresholds belong to a source (data set). Those of scores, with m and tau, are running moments of the
// residuals; log sigma_p, log sigma_b and c take one step of natural gradient after each step. Scores fix the unit;
// without any, label_noise states the scales and they stay.
class JointLikelihood {
 public:
  explicit JointLikelihood(const ObjectiveOptions& options);

  // Called once per row of the training data, before the first step: where the scales begin.
  void observe(const std::vector<SequenceMeta>& row, const UnaTargets& targets);
  // InputError when no row had a score and label_noise is 0: nothing would say how large a difference is.
  void check_unit() const;

  // One loss per row of that unit; x: beta Delta of all sequences [S].
  at::Tensor losses(Unit unit, const at::Tensor& x, const std::vector<SequenceMeta>& sequences,
                    const UnaTargets& targets, MetricSums& metrics) const;
  void end_step(const MetricSums& step);
  Json state() const;
  void load_state(const Json& state);

 private:
  // Moments of one source's residuals r - beta Delta, decayed once a step.
  struct Scores {
    double within = 0, freedom = 0, means = 0, squares = 0, prompts = 0, inverse = 0;
    double noise = 1, mean = 0, prompt_sd = 0;  // what follows from them
    void settle();
  };
  // A scale or threshold with the information about it, decayed once a step.
  struct Fitted {
    double value = 0, information = 0;
    void move(double slope, double information_now, double decay);
  };
  // Pairs and thumbs of one source.
  struct Readings {
    Fitted log_pair, log_thumb, threshold;  // threshold: c - m
    double ups = 0, thumbs = 0;             // observed
  };

  Scores scores_of(std::int32_t source) const;
  Readings readings_of(std::int32_t source) const;
  double start_scale() const;
  double prompt_sd(std::int32_t source) const;
  void begin_readings();
  void move_thresholds(const MetricSums& step);
  at::Tensor score_losses(const GroupTable& groups, const at::Tensor& x, MetricSums& metrics) const;
  at::Tensor pair_losses(const PairTable& pairs, const at::Tensor& x, MetricSums& metrics) const;
  at::Tensor thumb_losses(const ThumbsTable& table, const at::Tensor& x, MetricSums& metrics) const;

  double decay_, stated_;
  NormalNodes nodes_;
  std::map<std::int32_t, Scores> scores_;
  std::map<std::int32_t, Readings> readings_;
};

}  // namespace una::objective
