#include "una/eval/efficiency.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/rng.h"

namespace una::eval {
namespace {

// Unbiased moments inside one prompt.
struct PromptMoments {
  double covariance = 0, ratio = 0, gold = 0;
};

using Prompts = std::map<std::int64_t, std::vector<const JudgedAnswer*>>;

Prompts by_prompt(const std::vector<JudgedAnswer>& answers) {
  Prompts out;
  for (const JudgedAnswer& answer : answers) { out[answer.prompt].push_back(&answer); }
  std::erase_if(out, [](const auto& entry) { return entry.second.size() < 2; });
  return out;
}

struct Means {
  double ratio = 0, gold = 0;
};

Means means_of(const std::vector<const JudgedAnswer*>& answers) {
  Means out;
  for (const JudgedAnswer* answer : answers) {
    out.ratio += answer->log_ratio / static_cast<double>(answers.size());
    out.gold += answer->gold / static_cast<double>(answers.size());
  }
  return out;
}

PromptMoments moments_of(const std::vector<const JudgedAnswer*>& answers) {
  PromptMoments out;
  const Means mean = means_of(answers);
  const double scale = 1 / (static_cast<double>(answers.size()) - 1);
  for (const JudgedAnswer* answer : answers) {
    const double x = answer->log_ratio - mean.ratio, y = answer->gold - mean.gold;
    out.covariance += scale * x * y;
    out.ratio += scale * x * x;
    out.gold += scale * y * y;
  }
  return out;
}

void add(PromptMoments& sum, const PromptMoments& one) {
  sum.covariance += one.covariance;
  sum.ratio += one.ratio;
  sum.gold += one.gold;
}

double correlation(const PromptMoments& sum) {
  const double scale = std::sqrt(sum.ratio * sum.gold);
  return scale > 0 ? std::clamp(sum.covariance / scale, -1.0, 1.0) : 0;
}

// The pairs of one prompt whose gold scores differ.
struct PairCount {
  double right = 0, pairs = 0;
};

PairCount pairs_of(const std::vector<const JudgedAnswer*>& answers) {
  PairCount out;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const double gold = answers[i]->gold - answers[j]->gold;
      if (gold == 0) { continue; }
      const double ratio = (answers[i]->log_ratio - answers[j]->log_ratio) * gold;
      out.pairs += 1;
      out.right += ratio > 0 ? 1 : ratio == 0 ? .5 : 0;
    }
  }
  return out;
}

void add(PairCount& sum, const PairCount& one) {
  sum.right += one.right;
  sum.pairs += one.pairs;
}

double accuracy(const PairCount& sum) { return sum.pairs > 0 ? sum.right / sum.pairs : .5; }

// `value_of` on the sum over the prompts, with an interval of sums over prompts drawn again: the same prompts in every
// draw, whatever is summed.
template <class Part, class ValueOf>
Interval bootstrap(const std::vector<Part>& prompts, const ValueOf& value_of, std::uint64_t seed,
                   int resamples) {
  Part whole;
  for (const Part& prompt : prompts) { add(whole, prompt); }
  std::vector<double> draws;
  for (int r = 0; r < resamples; ++r) {
    Rng rng(seed, stream_id("eval/efficiency"), static_cast<std::uint64_t>(r));
    Part sum;
    for (std::size_t i = 0; i < prompts.size(); ++i) { add(sum, prompts[rng.below(prompts.size())]); }
    draws.push_back(value_of(sum));
  }
  return interval_of(value_of(whole), std::move(draws));
}

double log_mean_exp(const std::vector<JudgedAnswer>& answers) {
  double most = answers.front().log_ratio;
  for (const JudgedAnswer& answer : answers) { most = std::max(most, answer.log_ratio); }
  double sum = 0;
  for (const JudgedAnswer& answer : answers) { sum += std::exp(answer.log_ratio - most); }
  return most + std::log(sum / static_cast<double>(answers.size()));
}

}  // namespace

double Efficiency::gain_at(double kl) const { return rho.mean * gold_sd * std::sqrt(2 * kl); }

Efficiency measure_efficiency(const std::vector<JudgedAnswer>& answers, std::uint64_t seed, int resamples) {
  const Prompts prompts = by_prompt(answers);
  check(!prompts.empty() && resamples > 0, "efficiency: no prompt has two answers");
  std::vector<PromptMoments> each;
  std::vector<PairCount> pairs;
  PromptMoments sum;
  Efficiency out;
  for (const auto& [prompt, own] : prompts) {
    each.push_back(moments_of(own));
    add(sum, each.back());
    pairs.push_back(pairs_of(own));
    out.answers += std::ssize(own);
  }
  out.prompts = std::ssize(each);
  const auto n = static_cast<double>(each.size());
  out.rho = bootstrap(each, correlation, seed, resamples);
  out.gold_sd = std::sqrt(sum.gold / n);
  out.log_ratio_sd = std::sqrt(sum.ratio / n);
  out.log_mean_exp = log_mean_exp(answers);
  out.calibrated_beta = sum.ratio > 0 ? sum.covariance / sum.ratio : 0;
  out.pair_accuracy = bootstrap(pairs, accuracy, seed, resamples);
  return out;
}

std::vector<ReliabilityBin> reliability(const std::vector<JudgedAnswer>& answers, double beta, int bins) {
  std::vector<std::pair<double, double>> points;
  for (const auto& [prompt, own] : by_prompt(answers)) {
    const Means mean = means_of(own);
    for (const JudgedAnswer* answer : own) {
      points.emplace_back(beta * (answer->log_ratio - mean.ratio), answer->gold - mean.gold);
    }
  }
  check(bins > 0, "reliability: bins are needed");
  std::sort(points.begin(), points.end());
  std::vector<ReliabilityBin> out;
  const auto count = static_cast<std::size_t>(bins);
  for (std::size_t b = 0; b < count; ++b) {
    const std::size_t begin = b * points.size() / count, end = (b + 1) * points.size() / count;
    if (begin == end) { continue; }
    ReliabilityBin bin{.answers = static_cast<std::int64_t>(end - begin)};
    for (std::size_t i = begin; i < end; ++i) {
      bin.reward += points[i].first / static_cast<double>(end - begin);
      bin.gold += points[i].second / static_cast<double>(end - begin);
    }
    out.push_back(bin);
  }
  return out;
}

std::string efficiency_text(const Efficiency& e) {
  std::string gains;
  for (const double kl : {.05, .1, .3, .5, 1.0}) {
    gains += cat(gains.empty() ? "" : ", ", significant(e.gain_at(kl), 3), " at ", significant(kl, 2));
  }
  return cat("rho        ", fixed(e.rho.mean, 3), " [", fixed(e.rho.low, 3), ", ", fixed(e.rho.high, 3),
             "]: correlation of the log-ratio with gold inside prompts, ", thousands(e.answers),
             " answers to ", thousands(e.prompts), " prompts; 95 % interval over prompts\n",
             "gain       expected by rho * ", significant(e.gold_sd, 3), " * sqrt(2 KL): ", gains, " nats\n",
             "check      log mean exp(log-ratio) ", fixed(e.log_mean_exp, 3),
             " (0 on answers of the reference), pairs in gold's order ", fixed(100 * e.pair_accuracy.mean, 1),
             " % [", fixed(100 * e.pair_accuracy.low, 1), ", ", fixed(100 * e.pair_accuracy.high, 1),
             "], calibrated beta ", significant(e.calibrated_beta, 3));
}

}  // namespace una::eval
