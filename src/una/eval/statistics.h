#pragma once

#include <cstdint>
#include <functional>
#include <vector>

// How sure a number of the demo's table is. Every value belongs to one held-out prompt: the prompts are the
// sample, so answers to one prompt are averaged first (prompt_means).
namespace una::eval {

// A mean and how sure it is.
struct Interval {
  double mean = 0;
  double low = 0, high = 0;  // 95 % percentile interval
};

constexpr int kResamples = 2000;

// `value` with the percentiles 2.5 and 97.5 of bootstrap draws.
Interval interval_of(double value, std::vector<double> draws);

// Mean of each prompt's `per_prompt` answers; values come prompt by prompt. InternalError when they do not
// divide.
std::vector<double> prompt_means(const std::vector<double>& values, std::int64_t per_prompt);

// Bootstrap by prompt of the mean. Draws are keyed by (seed, resample), so equal arguments give equal bits.
// InternalError on no values or no resamples.
Interval mean_interval(const std::vector<double>& values, std::uint64_t seed, int resamples = kResamples);

// The mean of after[i] - before[i], resampling prompts (both of a prompt's values together).
Interval paired_gain(const std::vector<double>& before, const std::vector<double>& after, std::uint64_t seed,
                     int resamples = kResamples);

// Share of prompts with after > before, ties count one half.
Interval win_rate(const std::vector<double>& before, const std::vector<double>& after, std::uint64_t seed,
                  int resamples = kResamples);

// What a row adds to a share: right answers of all answers. Most rows have count 1.
struct Share {
  double sum = 0, count = 1;
};
double ratio(const std::vector<Share>& shares);  // sum of sums by counts
double ratio(const std::vector<Share>& shares, const std::vector<std::size_t>& members);  // of these rows
// Wilson's 95 % interval of `successes` of `count`, 0 < count.
Interval wilson_interval(double successes, double count);
// Wilson's where every row is 0 or 1 of 1, else a bootstrap by row.
Interval share_interval(const std::vector<Share>& shares, std::uint64_t seed, int resamples = kResamples);

// A statistic of rows in strata of these sizes, and the percentiles of it over resamples within each stratum.
// `statistic` gets the rows of each stratum, all of them in their order first.
Interval bootstrap(const std::vector<double>& sizes, std::uint64_t seed,
                   const std::function<double(const std::vector<std::vector<std::size_t>>& drawn)>& statistic,
                   int resamples = kResamples);

// Two-sided p value of the mean of paired differences being 0 (Student's t); 1 for fewer than two, 0 where they are
// equal and not 0.
double paired_p_value(const std::vector<double>& differences);

// Holm's step-down correction: adjusted p values, in the order given, each at most 1.
std::vector<double> holm(const std::vector<double>& p_values);

}  // namespace una::eval
