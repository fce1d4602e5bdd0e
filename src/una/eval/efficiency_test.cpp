#include "una/eval/efficiency.h"

#include <cmath>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/rng.h"

namespace una::eval {
namespace {

TEST(Efficiency, ByHand) {
  // Two prompts; inside, log-ratios +-1 and +-2, gold +-1 and -+.5 (unbiased moments: twice the squares).
  const std::vector<JudgedAnswer> answers = {{0, 5, 3}, {0, 3, 1}, {1, -2, 7.5}, {1, 2, 6.5}, {2, 9, 9}};
  const Efficiency e = measure_efficiency(answers, 1);
  EXPECT_EQ(e.prompts, 2);
  EXPECT_EQ(e.answers, 4) << "an answer alone on its prompt has no neighbour to be compared with";
  const double covariance = 2 * 1 - 2 * 1, ratios = 2 + 8, golds = 2 + .5;
  EXPECT_NEAR(e.rho.mean, covariance / std::sqrt(ratios * golds), 1e-12);
  EXPECT_NEAR(e.gold_sd, std::sqrt(golds / 2), 1e-12);
  EXPECT_NEAR(e.log_ratio_sd, std::sqrt(ratios / 2), 1e-12);
  EXPECT_NEAR(e.pair_accuracy.mean, .5, 1e-12);
  EXPECT_NEAR(e.log_mean_exp,
              std::log((std::exp(5) + std::exp(3) + std::exp(-2) + std::exp(2) + std::exp(9)) / 5), 1e-12);
}

std::vector<JudgedAnswer> drawn(double rho, std::int64_t prompts, std::uint64_t seed) {
  Rng rng(seed, stream_id("efficiency test"));
  std::vector<JudgedAnswer> out;
  for (std::int64_t p = 0; p < prompts; ++p) {
    const double offset = 3 * rng.normal();  // of a prompt: must not count
    for (int i = 0; i < 4; ++i) {
      const double x = rng.normal();
      out.push_back({p, .5 * x + offset, .3 * (rho * x + std::sqrt(1 - rho * rho) * rng.normal()) - offset});
    }
  }
  return out;
}

TEST(Efficiency, IsTheCorrelationInsidePromptsWithAnIntervalThatCoversIt) {
  const double concordant = .5 + std::asin(.6) / std::acos(-1.0);  // of two draws of a normal pair
  int covered = 0, covered_pairs = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const Efficiency e = measure_efficiency(drawn(.6, 150, seed), seed, 400);
    EXPECT_NEAR(e.rho.mean, .6, .12);
    EXPECT_NEAR(e.calibrated_beta, .3 * .6 / .5, .08);
    covered += e.rho.low <= .6 && .6 <= e.rho.high ? 1 : 0;
    covered_pairs += e.pair_accuracy.low <= concordant && concordant <= e.pair_accuracy.high ? 1 : 0;
  }
  EXPECT_GE(covered, 17);
  EXPECT_GE(covered_pairs, 17);
}

// A policy tilted from a uniform reference over many answers by eps times the log-ratio: gain and KL exactly.
TEST(Efficiency, PredictsTheGainOfThePolicyItself) {
  constexpr std::size_t kAnswers = 400;
  Rng rng(5, stream_id("efficiency law"));
  std::vector<double> direction, gold;
  for (std::size_t i = 0; i < kAnswers; ++i) {
    direction.push_back(rng.normal());
    gold.push_back(.6 * direction.back() + .8 * rng.normal());
  }
  for (const double eps : {.2, .5, .9}) {
    double z = 0, mean = 0, start = 0, kl = 0;
    for (std::size_t i = 0; i < kAnswers; ++i) { z += std::exp(eps * direction[i]) / kAnswers; }
    std::vector<JudgedAnswer> answers;
    for (std::size_t i = 0; i < kAnswers; ++i) {
      const double ratio = eps * direction[i] - std::log(z), weight = std::exp(ratio) / kAnswers;
      mean += weight * gold[i];
      start += gold[i] / kAnswers;
      kl += weight * ratio;
      answers.push_back({0, ratio, gold[i]});
    }
    const Efficiency e = measure_efficiency(answers, 1, 10);
    EXPECT_NEAR(e.gain_at(kl) / (mean - start), 1, .04) << "KL " << kl;
    EXPECT_NEAR(e.log_mean_exp, 0, 1e-9);
  }
}

TEST(Efficiency, DrawsFollowFromTheSeed) {
  const auto answers = drawn(.4, 30, 2);
  EXPECT_EQ(measure_efficiency(answers, 7).rho.low, measure_efficiency(answers, 7).rho.low);
  EXPECT_NE(measure_efficiency(answers, 7).rho.low, measure_efficiency(answers, 8).rho.low);
}

TEST(Efficiency, APolicyThatDidNotMoveHasNone) {
  const Efficiency e = measure_efficiency({{0, 0, 1}, {0, 0, 2}}, 1, 10);
  EXPECT_EQ(e.rho.mean, 0);
  EXPECT_EQ(e.gain_at(1), 0);
  EXPECT_THROW(measure_efficiency({{0, 0, 1}, {1, 0, 2}}, 1, 10), InternalError);
}

TEST(Efficiency, ReliabilityHasTheMeanGoldOfEachBin) {
  const auto bins = reliability(drawn(.9, 400, 3), .54, 4);  // calibrated: .3 * .9 / .5
  ASSERT_EQ(bins.size(), 4U);
  for (const ReliabilityBin& bin : bins) {
    EXPECT_EQ(bin.answers, 400);
    EXPECT_NEAR(bin.gold, bin.reward, .03);
  }
  EXPECT_LT(bins.front().reward, -.2);
  EXPECT_GT(bins.back().reward, .2);
}

}  // namespace
}  // namespace una::eval
