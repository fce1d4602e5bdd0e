#include <cmath>
#include <functional>
#include <limits>

#include <gtest/gtest.h>

#include "una/base/format.h"
#include "una/report/html_report.h"
#include "una/report/rows.h"

namespace una::report {
namespace {

using Curve = std::function<double(double)>;  // progress 0..1 -> value

// A run of `n` logged rows, each metric following its curve.
std::string run(int n, const std::map<std::string, Curve>& curves) {
  std::string text;
  for (std::int64_t i = 0; i < n; ++i) {
    StoredRow row{.row = {.step = 10 * (i + 1), .epoch = 0, .values = {}},
                  .total_steps = std::int64_t{10} * n};
    for (const auto& [name, curve] : curves) {
      row.row.values[name] = curve(static_cast<double>(i) / (n - 1));
    }
    text += print_row(row) + "\n";
  }
  return text;
}

Curve line(double from, double to) {
  return [=](double at) { return from + (to - from) * at; };
}

bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// What a healthy DPO run looks like: chosen rises a little, rejected falls, accuracy climbs.
std::map<std::string, Curve> healthy() {
  return {{"loss", line(0.693, 0.45)},
          {"grad_norm", line(3, 4)},
          {"rewards/chosen", line(0, 0.3)},
          {"rewards/rejected", line(0, -0.9)},
          {"rewards/accuracies", line(0.5, 0.8)},
          {"log_ratio", line(0, -3)},
          {"loss_variance", line(0, 0.2)},
          {"una/saturated", line(0, 0.05)},
          {"completions/mean_length", line(50, 60)},
          {"completions/clipped_ratio", line(0.1, 0.05)}};
}

TEST(Health, AHealthyRunSaysNothingWhateverTheMethod) {
  for (const char* method : {"una", "dpo", "kto", "sft", "reward", "ppo", ""}) {
    EXPECT_EQ(health_text(run(40, healthy()), method), "");
  }
}

TEST(Health, AnEmptyOrTornFileSaysNothing) {
  EXPECT_EQ(health_text("", "dpo"), "");
  EXPECT_EQ(health_text("{\"step\":1,\"lo", "dpo"), "");
}

TEST(Health, TooFewRowsSayNothing) {
  auto curves = healthy();
  curves["rewards/chosen"] = line(0, -3);
  curves["grad_norm"] = line(1, 1000);
  curves["rewards/accuracies"] = line(0.5, 0.5);
  EXPECT_EQ(health_text(run(7, curves), "dpo"), "");
}

TEST(Health, BothRewardsFallingWhileTheLogRatioGrowsAsksForALowerRate) {
  auto curves = healthy();
  curves["rewards/chosen"] = line(0, -2);
  curves["rewards/rejected"] = line(0, -4);
  curves["log_ratio"] = line(0, -30);
  EXPECT_TRUE(says(health_text(run(20, curves), "dpo"), "lower learning_rate or raise beta"));
  // A log-ratio that stays, or one reward that rises, is not such a case.
  auto still = curves;
  still["log_ratio"] = line(-1, -2);
  EXPECT_EQ(health_text(run(20, still), "dpo"), "");
  auto apart = curves;
  apart["rewards/chosen"] = line(-1, -0.8);
  EXPECT_EQ(health_text(run(20, apart), "dpo"), "");
}

TEST(Health, AccuracyStuckNearOneHalfIsReported) {
  auto curves = healthy();
  curves["rewards/accuracies"] = [](double at) { return 0.5 + 0.02 * std::sin(40 * at); };
  EXPECT_TRUE(says(health_text(run(20, curves), "dpo"), "accuracy stays near one half"));
  curves["rewards/accuracies"] = line(0.5, 0.58);
  EXPECT_EQ(health_text(run(20, curves), "dpo"), "");
}

TEST(Health, ARewardModelsAccuracyCountsToo) {
  EXPECT_TRUE(says(health_text(run(20, {{"loss", line(0.7, 0.5)}, {"accuracy", line(0.5, 0.5)}}), "reward"),
                   "accuracy stays near one half"));
}

TEST(Health, AReversedRankingSuspectsSwappedColumns) {
  auto curves = healthy();
  curves["rewards/accuracies"] = line(0.5, 0.2);
  EXPECT_TRUE(says(health_text(run(20, curves), "dpo"), "may be swapped"));
  curves["rewards/accuracies"] = line(0.2, 0.7);
  EXPECT_EQ(health_text(run(20, curves), "dpo"), "");
}

TEST(Health, ALossVarianceThatStaysPointsAtTheReward) {
  auto curves = healthy();
  curves["loss"] = line(0.30, 0.28);
  curves["loss_variance"] = line(0.04, 0.05);
  EXPECT_TRUE(says(health_text(run(16, curves), "una"), "badly calibrated reward"));
  EXPECT_FALSE(says(health_text(run(16, curves), "dpo"), "badly calibrated reward"));
  curves["loss_variance"] = line(0.05, 0.02);
  EXPECT_FALSE(says(health_text(run(16, curves), "una"), "badly calibrated reward"));
  curves["loss_variance"] = line(0, 0.05);  // grows from nothing, as every preference loss does
  EXPECT_FALSE(says(health_text(run(16, curves), "una"), "badly calibrated reward"));
}

TEST(Health, WithoutALoggedVarianceTheSpreadOfTheLossesServes) {
  const auto noisy = [](double size) {
    return Curve([=](double at) { return 0.3 + (1 + at) * size * (std::fmod(at * 997, 2) < 1 ? 1 : -1); });
  };
  EXPECT_TRUE(says(health_text(run(60, {{"loss", noisy(0.1)}}), "una"), "badly calibrated reward"));
  EXPECT_FALSE(says(health_text(run(60, {{"loss", noisy(0.005)}}), "una"), "badly calibrated reward"));
}

TEST(Health, ALossThatHardlyFallsMayNotFitTheFeedback) {
  auto curves = healthy();
  curves["loss"] = line(0.693, 0.688);
  EXPECT_TRUE(says(health_text(run(24, curves), "kto"), "may not fit the feedback"));
  auto sampling = curves;
  sampling["reward"] = line(0, 1);
  EXPECT_EQ(health_text(run(24, sampling), "ppo"), "");  // a policy-gradient loss need not fall
  curves["loss"] = line(0.693, 0.60);
  EXPECT_EQ(health_text(run(24, curves), "kto"), "");
}

TEST(Health, ASmallFallCountsWhenItStandsOutOfTheNoise) {
  auto curves = healthy();
  const auto noisy = [](double size) {
    return Curve([=](double at) { return 0.693 - 0.02 * at + size * (std::fmod(at * 997, 2) < 1 ? 1 : -1); });
  };
  curves["loss"] = noisy(0.001);
  EXPECT_EQ(health_text(run(24, curves), "una"), "");
  curves["loss"] = noisy(0.05);
  EXPECT_TRUE(says(health_text(run(24, curves), "una"), "may not fit the feedback"));
}

TEST(Health, AnExplodingGradientIsReportedAndASingleSpikeIsNot) {
  auto curves = healthy();
  curves["grad_norm"] = [](double at) { return std::pow(10, 3 * at); };
  EXPECT_TRUE(says(health_text(run(20, curves), "dpo"), "grad_norm grew"));
  curves["grad_norm"] = [](double at) { return at > 0.9 && at < 0.96 ? 900 : 3; };
  EXPECT_EQ(health_text(run(20, curves), "dpo"), "");
}

TEST(Health, ALossThatIsNotFiniteComesFirst) {
  auto curves = healthy();
  curves["loss"] = [](double at) {
    return at == 1 ? std::numeric_limits<double>::quiet_NaN() : 0.7 - at * 0.2;
  };
  curves["rewards/accuracies"] = line(0.5, 0.5);
  const std::string text = health_text(run(20, curves), "dpo");
  EXPECT_EQ(text.find("loss was not finite at step 200"), 0U) << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
}

TEST(Health, SampledAnswersThatDoubleInLengthAreReported) {
  auto curves = healthy();
  curves["completions/mean_length"] = line(50, 130);
  EXPECT_TRUE(says(health_text(run(20, curves), "una_online"), "pay for length"));
  curves["completions/mean_length"] = line(100, 30);
  EXPECT_TRUE(says(health_text(run(20, curves), "una_online"), "pay for brevity"));
}

TEST(Health, ManyTruncatedAnswersAreReported) {
  auto curves = healthy();
  curves["completions/clipped_ratio"] = line(0.1, 0.4);
  EXPECT_TRUE(says(health_text(run(20, curves), "una_online"), "cut at the length limit"));
  EXPECT_FALSE(says(health_text(run(2, curves), "una_online"), "cut at the length limit"));
  curves["completions/clipped_ratio"] = line(0.7, 0.8);  // two rows are enough for most answers
  EXPECT_TRUE(says(health_text(run(2, curves), "una_online"), "75.0 % of the sampled answers are cut"));
}

TEST(Health, ASamplerThatDoesNotFollowIsReported) {
  auto curves = healthy();
  Curve& gap = curves["sampling/sampling_logp_difference/mean"];
  gap = line(3e-7, 0.04);
  EXPECT_TRUE(says(health_text(run(20, curves), "rloo"), "other weights than the policy's"));
  gap = line(0.3, 0.2);
  EXPECT_TRUE(says(health_text(run(20, curves), "rloo"), "other weights than the policy's"))
      << "from the first round on";
  gap = line(0.005, 0.03);
  EXPECT_EQ(health_text(run(20, curves), "rloo"), "") << "bfloat16";
  gap = line(3e-7, 0.005);
  EXPECT_EQ(health_text(run(20, curves), "rloo"), "");
}

TEST(Health, ASaturatedSigmoidIsReported) {
  auto curves = healthy();
  curves["una/saturated"] = line(0, 0.8);
  EXPECT_TRUE(says(health_text(run(20, curves), "una"), "una/saturated"));
}

TEST(Health, AGradientOfExactlyZeroIsReported) {
  auto curves = healthy();
  curves["grad_norm"] = line(0, 0);
  EXPECT_TRUE(says(health_text(run(3, curves), "rloo"), "grad_norm was exactly 0 in 3 of 3"));
  curves["grad_norm"] = [](double at) { return at < 0.2 ? 0.0 : 1.0; };  // a few flat groups are normal
  EXPECT_EQ(health_text(run(20, curves), "rloo"), "");
}

TEST(Health, ALearningRateNoModelSurvivesIsReported) {
  auto curves = healthy();
  curves["learning_rate"] = line(50, 0);
  EXPECT_TRUE(says(health_text(run(2, curves), "dpo"), "learning_rate reached 50"));
  curves["learning_rate"] = line(0.01, 0);
  EXPECT_EQ(health_text(run(20, curves), "dpo"), "");
  curves["learning_rate"] = line(0, 0);
  EXPECT_TRUE(says(health_text(run(2, curves), "dpo"), "learning_rate was 0 in all logged rows"));
}

TEST(Health, KtoWithOneKindOfLabelIsReported) {
  auto curves = healthy();
  curves.erase("rewards/rejected");
  EXPECT_TRUE(says(health_text(run(3, curves), "kto"), "every answer is good"));
  EXPECT_EQ(health_text(run(3, curves), "una"), "");
  curves["rewards/rejected"] = line(0, -0.9);
  EXPECT_EQ(health_text(run(3, curves), "kto"), "");
  curves.erase("rewards/chosen");
  EXPECT_TRUE(says(health_text(run(3, curves), "kto"), "every answer is bad"));
}

TEST(Health, UnaWithBadAnswersAloneIsReported) {
  auto curves = healthy();
  curves.erase("rewards/chosen");
  EXPECT_TRUE(says(health_text(run(3, curves), "una"), "every answer is bad"));
}

TEST(Health, RowsThatAreCutToMaxLengthAreReported) {
  EXPECT_EQ(cut_rows_text(0, 0), "");
  EXPECT_EQ(cut_rows_text(4, 10), "");
  EXPECT_TRUE(says(cut_rows_text(5, 10), "50.0 % of the rows are cut"));
  EXPECT_TRUE(says(cut_rows_text(10, 10), "every row is cut"));
}

TEST(Health, AnswersThatAreAllCutAreReportedHoweverShortTheRun) {
  auto curves = healthy();
  curves["completions/clipped_ratio"] = line(1, 1);
  EXPECT_TRUE(says(health_text(run(2, curves), "grpo"), "every sampled answer is cut"));
}

TEST(Health, OverfittingNamesTheStepOfTheBestEvaluation) {
  auto curves = healthy();
  curves["eval_loss"] = [](double at) { return 0.5 + std::abs(at - 0.4) * 0.3; };
  const std::string text = health_text(run(11, curves), "dpo");
  EXPECT_TRUE(says(text, "eval loss was best at step 50 (0.5) and is 0.68 now")) << text;
  curves["eval_loss"] = line(0.6, 0.5);
  EXPECT_EQ(health_text(run(11, curves), "dpo"), "");
  curves["eval_loss"] = [](double at) { return at < 1 ? 0.6 - 0.1 * at : 0.6; };  // one bad last value
  EXPECT_EQ(health_text(run(11, curves), "dpo"), "");
}

}  // namespace
}  // namespace una::report
