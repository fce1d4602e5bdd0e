#include "una/eval/statistics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <utility>

#include "una/base/error.h"
#include "una/base/rng.h"

namespace una::eval {
namespace {

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// P(|T| > t) of Student's t: the regularised incomplete beta function at x = freedom / (freedom + t^2), by its
// continued fraction (Lentz's method).
double student_tail(double t, double freedom) {
  const double a = freedom / 2, b = .5, x = freedom / (freedom + t * t);
  const bool swap = x > (a + 1) / (a + b + 2);
  const double p = swap ? b : a, q = swap ? a : b, z = swap ? 1 - x : x;
  if (z <= 0) { return swap ? 1 : 0; }
  double c = 1, d = 1 / std::max(1 - (p + q) * z / (p + 1), 1e-300), fraction = d;
  for (int m = 1; m <= 300; ++m) {
    const double even = m * (q - m) * z / ((p + 2 * m - 1) * (p + 2 * m));
    const double odd = -(p + m) * (p + q + m) * z / ((p + 2 * m) * (p + 2 * m + 1));
    for (const double term : {even, odd}) {
      d = 1 / (1 + term * d);
      c = 1 + term / c;
      fraction *= c * d;
    }
    if (std::abs(c * d - 1) < 1e-14) { break; }
  }
  const double log_front =
      std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + p * std::log(z) + q * std::log1p(-z);
  const double value = std::exp(log_front) * fraction / p;
  return swap ? 1 - value : value;
}

// Linear between order statistics, as numpy.percentile.
double percentile(const std::vector<double>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const std::size_t below = static_cast<std::size_t>(std::floor(place));
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

Interval interval_of(double value, std::vector<double> draws) {
  check(!draws.empty(), "interval_of: draws are needed");
  std::sort(draws.begin(), draws.end());
  return {value, percentile(draws, 0.025), percentile(draws, 0.975)};
}

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
  return interval_of(mean(values), std::move(means));
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

double ratio(const std::vector<Share>& shares) {
  double sum = 0, count = 0;
  for (const Share& share : shares) { sum += share.sum, count += share.count; }
  return count == 0 ? 0 : sum / count;
}

double ratio(const std::vector<Share>& shares, const std::vector<std::size_t>& members) {
  double sum = 0, count = 0;
  for (const std::size_t member : members) { sum += shares[member].sum, count += shares[member].count; }
  return count == 0 ? 0 : sum / count;
}

Interval wilson_interval(double successes, double count) {
  check(count > 0, "wilson_interval: no rows");
  constexpr double kZ = 1.959963984540054;  // of 95 %
  const double share = successes / count, spread = kZ * kZ / count;
  const double middle = (share + spread / 2) / (1 + spread);
  const double half = std::sqrt(share * (1 - share) / count * kZ * kZ + spread * spread / 4) / (1 + spread);
  return {share, std::max(0.0, middle - half), std::min(1.0, middle + half)};
}

Interval share_interval(const std::vector<Share>& shares, std::uint64_t seed, int resamples) {
  const bool yes_or_no = std::all_of(shares.begin(), shares.end(), [](const Share& share) {
    return share.count == 1 && (share.sum == 0 || share.sum == 1);
  });
  const auto size = static_cast<double>(shares.size());
  if (yes_or_no) { return wilson_interval(ratio(shares) * size, size); }
  return bootstrap({size}, seed, [&](const auto& drawn) { return ratio(shares, drawn.front()); }, resamples);
}

Interval bootstrap(const std::vector<double>& sizes, std::uint64_t seed,
                   const std::function<double(const std::vector<std::vector<std::size_t>>& drawn)>& statistic,
                   int resamples) {
  std::vector<std::vector<std::size_t>> drawn;
  for (const double size : sizes) {
    drawn.emplace_back(static_cast<std::size_t>(size));
    std::iota(drawn.back().begin(), drawn.back().end(), std::size_t{0});
  }
  Interval interval;
  interval.mean = statistic(drawn);
  std::vector<double> values;
  for (int resample = 0; resample < resamples; ++resample) {
    Rng rng(seed, stream_id("eval/bootstrap"), static_cast<std::uint64_t>(resample));
    for (std::vector<std::size_t>& stratum : drawn) {
      for (std::size_t& member : stratum) { member = rng.below(stratum.size()); }
    }
    values.push_back(statistic(drawn));
  }
  std::sort(values.begin(), values.end());
  interval.low = percentile(values, 0.025);
  interval.high = percentile(values, 0.975);
  return interval;
}

double paired_p_value(const std::vector<double>& differences) {
  if (differences.size() < 2) { return 1; }
  const auto n = static_cast<double>(differences.size());
  const double centre = mean(differences);
  double squares = 0;
  for (const double d : differences) { squares += (d - centre) * (d - centre); }
  const double error = std::sqrt(squares / (n - 1) / n);
  if (error == 0) { return centre == 0 ? 1 : 0; }
  return student_tail(std::abs(centre) / error, n - 1);
}

std::vector<double> holm(const std::vector<double>& p_values) {
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return p_values[a] < p_values[b]; });
  std::vector<double> out(p_values.size());
  double largest = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto left = static_cast<double>(order.size() - i);
    largest = std::max(largest, std::min(1.0, left * p_values[order[i]]));
    out[order[i]] = largest;
  }
  return out;
}

}  // namespace una::eval
