#pragma once

#include <optional>
#include <string>

#include "una/base/json.h"
#include "una/core/loss.h"
#include "una/objective/objective_options.h"

namespace una::objective {

// una_f shrunk: the offset of a prompt is a random effect, r = beta Delta + V + noise with V ~ N(m, tau^2) and
// noise ~ N(0, sigma^2). With k answers the best guess of V is m + (1 - lambda) (mean residual - m), lambda =
// 1 / (1 + k tau^2 / sigma^2): 1 trusts m alone (pointwise), 0 the answers alone (UNA-C). This class holds tau^2 /
// sigma^2, by one of three rules (una_lambda):
//   a number: lambda of two answers; the other sizes follow
//   reml: both variances from running sums of all steps, forgetting by una_running_decay
//   auto: the ratio that the run chose before the first step (run/prompt_ratio.h); without one, as reml
class Shrinkage {
 public:
  explicit Shrinkage(const ObjectiveOptions& options);  // InputError for a bad una_lambda

  double lambda(double answers) const;
  bool wants_choice() const { return rule_ == Rule::kAuto; }
  void choose(double ratio) { chosen_ = ratio; }

  // Adds one prompt: the sum of squared residuals about their mean, the number of answers, and their mean (under the
  // value head its distance from m(x)).
  static void add_sums(double within, double answers, double mean, MetricSums& metrics);
  void end_step(const MetricSums& step);
  Json state() const;
  void load_state(const Json& state);

 private:
  enum class Rule { kFixed, kAuto, kReml };
  double running_ratio() const;

  Rule rule_ = Rule::kAuto;
  double decay_;
  std::optional<double> chosen_;  // tau^2 / sigma^2
  double within_ = 0, freedom_ = 0, means_ = 0, between_ = 0, prompts_ = 0,
         inverse_ = 0;  // decayed once a step
};

// lambda of a prompt with so many answers at this tau^2 / sigma^2, which may be infinite; and the ratio at which two answers
// have this lambda, infinite for 0.
double lambda_of_ratio(double ratio, double answers);
double ratio_of_lambda(double lambda);

// The share of the prompts in the variance of the residuals, from a window's sums; NaN without groups.
double prompt_share(const MetricSums& window);

}  // namespace una::objective
