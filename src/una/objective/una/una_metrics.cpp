#include "una/objective/una/una_metrics.h"

#include <algorithm>
#include <cmath>

#include "una/base/format.h"
#include "una/objective/metrics.h"
#include "una/objective/una/shrinkage.h"

namespace una::objective {
namespace {

const std::string kResidualOfSource = "_una/residual/";

// Because of rounding, the variance of equal numbers is not exactly zero (nor that of fp32 log-probs before
// the first step); below this it counts as zero.
bool is_flat(double variance, double mean) { return !(variance > 1e-12 * (1 + mean * mean)); }

double correlation(const MetricSums& sums) {
  const double n = sums.count("_corr/x");
  const double x = sums.sum("_corr/x") / n, y = sums.sum("_corr/y") / n;
  const double var_x = sums.sum("_corr/xx") / n - x * x, var_y = sums.sum("_corr/yy") / n - y * y;
  if (is_flat(var_x, x) || is_flat(var_y, y)) { return std::nan(""); }
  return std::clamp((sums.sum("_corr/xy") / n - x * y) / std::sqrt(var_x * var_y), -1.0, 1.0);
}

// 1 - var(t - link(u)) / var(t): 1 for a perfect fit, 0 when a constant fits as well.
double explained_variance(const MetricSums& sums) {
  const double n = sums.count("_fit/t");
  const double e = sums.sum("_fit/e") / n, t = sums.sum("_fit/t") / n;
  const double var_e = sums.sum("_fit/ee") / n - e * e, var_t = sums.sum("_fit/tt") / n - t * t;
  return is_flat(var_t, t) ? std::nan("") : 1 - var_e / var_t;
}

}  // namespace

void add_score_metrics(const std::vector<SequenceMeta>& sequences, const std::vector<double>& reward,
                       MetricSums& metrics) {
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    metrics.add("rewards/mean", reward[s]);
    const Unit unit = sequences[s].unit;
    if (unit != Unit::kBinary && unit != Unit::kScore && unit != Unit::kGroup) { continue; }
    const double x = reward[s], y = sequences[s].target;
    metrics.add("_corr/x", x);
    metrics.add("_corr/y", y);
    metrics.add("_corr/xx", x * x);
    metrics.add("_corr/yy", y * y);
    metrics.add("_corr/xy", x * y);
  }
}

void add_residual(std::int32_t source, double residual, MetricSums& metrics) {
  metrics.add("una/residual", residual);
  metrics.add(cat(kResidualOfSource, source), residual);
}

void add_fit(double e, double t, MetricSums& metrics) {
  metrics.add("_fit/e", e);
  metrics.add("_fit/ee", e * e);
  metrics.add("_fit/t", t);
  metrics.add("_fit/tt", t * t);
}

void add_saturation(double u, MetricSums& metrics) {
  // sigma(u) outside [0.01, 0.99]
  metrics.add("una/saturated", std::abs(u) > std::log(99.0) ? 1 : 0);
}

std::map<std::string, double> una_derived(const MetricSums& window) {
  std::map<std::string, double> out = common_derived(window);
  const auto put = [&](const char* name, double value) {
    if (!std::isnan(value)) { out[name] = value; }
  };
  if (window.count("_corr/x") >= 2) { put("una/score_corr", correlation(window)); }
  if (window.count("_fit/t") >= 2) { put("una/explained_variance", explained_variance(window)); }
  put("una/prompt_share", prompt_share(window));
  std::map<std::string, double> residuals;
  for (const auto& [name, mean] : window.means()) {
    if (starts_with(name, kResidualOfSource)) { residuals[name.substr(1)] = mean; }
  }
  if (residuals.size() > 1) { out.insert(residuals.begin(), residuals.end()); }
  return out;
}

}  // namespace una::objective
