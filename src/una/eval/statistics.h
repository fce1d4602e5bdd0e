#pragma once

#include <cstdint>
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

}  // namespace una::eval
