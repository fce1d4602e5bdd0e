#include "una/study/tune.h"

#include <cmath>

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::study {
namespace {

const double kNone = std::nan("");

TEST(TuneRule, EveryCombinationIsACandidate) {
  const std::vector<Candidate> candidates = make_candidates({"learning-rate=1e-6,1e-5", "beta=0.1,0.2,0.3"});
  ASSERT_EQ(candidates.size(), 6U);
  EXPECT_EQ(candidates[1].name, "learning_rate 1e-6, beta 0.2");
  EXPECT_EQ(candidates[5].settings,
            (std::vector<std::pair<std::string, std::string>>{{"learning_rate", "1e-5"}, {"beta", "0.3"}}));
}

TEST(TuneRule, ValuesThatTheCommandLineHasCutBelongToTheKeyBefore) {
  const std::vector<Candidate> candidates = make_candidates({"beta=0.1", "0.2", "lora_r=4"});
  ASSERT_EQ(candidates.size(), 2U);
  EXPECT_EQ(candidates[1].name, "beta 0.2, lora_r 4");
}

TEST(TuneRule, WhatIsNotAKeyWithValuesIsRefused) {
  for (const char* text : {"beta", "=1", "beta=", "beta=0.1,,0.2", "beta=0.1,0.1"}) {
    EXPECT_THROW(make_candidates({text}), InputError) << text;
  }
  EXPECT_THROW(make_candidates({}), InputError);
  EXPECT_THROW(make_candidates({"beta=1", "beta=2"}), InputError);
}

TEST(TuneRule, RungsGrowByTheFactorAndEndAtTheRunsEnd) {
  EXPECT_EQ(rung_steps(100, 3, 3), (std::vector<std::int64_t>{11, 33, 100}));
  EXPECT_EQ(rung_steps(50, 3, 3), (std::vector<std::int64_t>{5, 15, 50}));
  EXPECT_EQ(rung_steps(7, 1, 3), std::vector<std::int64_t>{7});
  EXPECT_THROW(rung_steps(8, 3, 3), InputError);
}

TEST(TuneRule, TheBestThirdGoesOn) {
  const std::vector<std::size_t> all = {0, 1, 2, 3, 4, 6};
  EXPECT_EQ(survivors(all, {3, 1, 5, 4, 0, 2}, true, 3), (std::vector<std::size_t>{2, 3}));
  EXPECT_EQ(survivors(all, {3, 1, 5, 4, 0, 2}, false, 3), (std::vector<std::size_t>{1, 4}));
  EXPECT_EQ(survivors({0, 1, 2, 3}, {kNone, 1, kNone, 2}, false, 3), (std::vector<std::size_t>{1, 3}))
      << "rounded up; a run without a value is behind every other";
  EXPECT_EQ(survivors({5, 7}, {1, 1}, true, 2), std::vector<std::size_t>{5}) << "the first of equals";
}

// Steps 0 and 30 do not count at step 20, nor do training rows.
TEST(TuneRule, TheMetricIsTheLastOneOfARungOrTheBestWithinTheBudget) {
  const std::string rows =
      "{\"step\":0,\"eval_win_rate\":0.5,\"eval_kl\":0}\n{\"step\":10,\"loss\":1}\n"
      "{\"step\":10,\"eval_win_rate\":0.7,\"eval_kl\":1}\n{\"step\":20,\"eval_win_rate\":0.6,\"eval_kl\":5}\n"
      "{\"step\":30,\"eval_win_rate\":0.9,\"eval_kl\":9}\n{\"step\":40,\"eval_wi";
  EXPECT_EQ(tuned_metric(rows, "eval_win_rate", 20, 0, true), 0.6);
  EXPECT_EQ(tuned_metric(rows, "eval_win_rate", 30, 0, true), 0.9);
  EXPECT_EQ(tuned_metric(rows, "eval_win_rate", 30, 5, true), 0.7);
  EXPECT_EQ(tuned_metric(rows, "eval_win_rate", 30, 5, false), 0.6);
  EXPECT_TRUE(std::isnan(tuned_metric(rows, "eval_win_rate", 30, 0.5, true)));
  EXPECT_TRUE(std::isnan(tuned_metric(rows, "eval_loss", 30, 0, true)));
}

// scipy.stats.t.interval(0.95, 2, loc=2, scale=1/sqrt(3))
TEST(TuneRule, SeedsGiveStudentsInterval) {
  const eval::Interval interval = seed_interval({1, 2, 3});
  EXPECT_EQ(interval.mean, 2);
  EXPECT_NEAR(interval.low, -0.48413771, 1e-3);
  EXPECT_NEAR(interval.high, 4.48413771, 1e-3);
  EXPECT_TRUE(std::isnan(seed_interval({1}).low));
  EXPECT_EQ(seed_interval({1}).mean, 1);
  EXPECT_TRUE(std::isnan(seed_interval({}).mean));
}

}  // namespace
}  // namespace una::study
