#include "una/eval/statistics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

#include "una/base/error.h"
#include "una/base/rng.h"

namespace una::eval {
namespace {

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Linear between order statistics, as numpy.percentile.
double percentile(const std::vector<double>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const std::size_t below = static_cast<std::size_t>(std::floor(place));
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

std::vector<double> prompt_means(const std::vector<double>& values, std::int64_t per_prompt) {
  check(per_prompt > 0 && values.size() % static_cast<std::size_t>(per_prompt) == 0,
        "prompt_means: as many answers for every prompt");
  const std::size_t k = static_cast<std::size_t>(per_prompt);
  std::vector<double> means;
  for (std::size_t i = 0; i < values.size(); i += k) {
    double sum = 0;
    for (std::size_t j = i; j < i + k; ++j) { sum += values[j]; }
    means.push_back(sum / static_cast<double>(k));
  }
  return means;
}

Interval mean_interval(const std::vector<double>& values, std::uint64_t seed, int resamples) {
  check(!values.empty() && resamples > 0, "mean_interval: values and resamples are needed");
  std::vector<double> means;
  for (int resample = 0; resample < resamples; ++resample) {
    Rng rng(seed, stream_id("demo/bootstrap"), static_cast<std::uint64_t>(resample));
    double sum = 0;
    for (std::size_t i = 0; i < values.size(); ++i) { sum += values[rng.below(values.size())]; }
    means.push_back(sum / static_cast<double>(values.size()));
  }
  std::sort(means.begin(), means.end());
  return {mean(values), percentile(means, 0.025), percentile(means, 0.975)};
}

Interval paired_gain(const std::vector<double>& before, const std::vector<double>& after, std::uint64_t seed,
                     int resamples) {
  check(before.size() == after.size(), "paired_gain: a value before and one after for every prompt");
  std::vector<double> gains;
  for (std::size_t i = 0; i < before.size(); ++i) { gains.push_back(after[i] - before[i]); }
  return mean_interval(gains, seed, resamples);
}

Interval win_rate(const std::vector<double>& before, const std::vector<double>& after, std::uint64_t seed,
                  int resamples) {
  check(before.size() == after.size(), "win_rate: a value before and one after for every prompt");
  std::vector<double> wins;
  for (std::size_t i = 0; i < before.size(); ++i) {
    wins.push_back(after[i] > before[i] ? 1.0 : after[i] == before[i] ? 0.5 : 0.0);
  }
  return mean_interval(wins, seed, resamples);
}

}  // namespace una::eval
