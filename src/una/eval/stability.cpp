#include "una/eval/stability.h"

#include <algorithm>
#include <cmath>

#include "una/eval/statistics.h"

namespace una::eval {
namespace {

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) { sum += value; }
  return sum / static_cast<double>(values.size());
}

// The p value of the one-sided t test that the differences are above -margin.
double p_above(std::vector<double> differences, double margin) {
  for (double& difference : differences) { difference += margin; }
  const double two_sided = paired_p_value(differences);
  return mean_of(differences) > 0 ? two_sided / 2 : 1 - two_sided / 2;
}

}  // namespace

LossNoise loss_noise(const std::vector<double>& losses) {
  if (losses.size() < 3) { return {}; }
  const auto n = static_cast<double>(losses.size());
  const double centre = (n - 1) / 2, mean = mean_of(losses);
  double across = 0, along = 0;
  for (std::size_t i = 0; i < losses.size(); ++i) {
    const double t = static_cast<double>(i) - centre;
    across += t * (losses[i] - mean);
    along += t * t;
  }
  const double slope = across / along;
  double squares = 0;
  for (std::size_t i = 0; i < losses.size(); ++i) {
    const double rest = losses[i] - mean - slope * (static_cast<double>(i) - centre);
    squares += rest * rest;
  }
  const auto [low, high] = std::minmax_element(losses.begin(), losses.end());
  const double range = *high - *low, variance = squares / (n - 2);
  return {variance, range > 0 ? variance / (range * range) : 0};
}

std::optional<double> steps_to_share(const std::vector<std::pair<double, double>>& curve, double share) {
  if (curve.empty() || !(curve.back().second > 0)) { return std::nullopt; }
  const double wanted = share * curve.back().second;
  double step = 0, figure = 0;
  for (const auto& [next, value] : curve) {
    if (value >= wanted) { return step + (next - step) * (wanted - figure) / (value - figure); }
    step = next;
    figure = value;
  }
  return step;
}

Verdict verdict_of(const std::vector<double>& differences, double adjusted, double margin) {
  if (differences.size() < 2) { return Verdict::kUndecided; }
  if (adjusted < 0.05) { return mean_of(differences) > 0 ? Verdict::kAbove : Verdict::kBelow; }
  std::vector<double> negated = differences;
  for (double& difference : negated) { difference = -difference; }
  const bool equal = p_above(differences, margin) < 0.05 && p_above(negated, margin) < 0.05;
  return equal ? Verdict::kEqual : Verdict::kUndecided;
}

const char* verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kAbove:
      return "above";
    case Verdict::kBelow:
      return "below";
    case Verdict::kEqual:
      return "equal";
    case Verdict::kUndecided:
      break;
  }
  return "undecided";
}

}  // namespace una::eval
