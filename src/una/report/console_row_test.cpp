#include "una/report/console_row.h"

#include <gtest/gtest.h>

namespace una::report {
namespace {

std::string line_of(const std::map<std::string, double>& values) {
  StoredRow stored{.row = {}, .total_steps = 12};
  stored.row.step = 4;
  stored.row.epoch = 0.5;
  stored.row.values = values;
  return console_row(stored);
}

TEST(ConsoleRow, AnOnlineStepShowsRewardKlLengthAndClippedShareFirst) {
  EXPECT_EQ(line_of({{"loss", 1e-17},
                     {"learning_rate", 1e-3},
                     {"reward", -0.25},
                     {"kl", 0.031},
                     {"completions/mean_length", 18.5},
                     {"completions/clipped_ratio", 0.125}}),
            "step 4/12  epoch 0.50  reward -0.25  KL 0.031  length 18.5  clipped 0.125  lr 0.001");
}

TEST(ConsoleRow, AnOnlineEvaluationShowsThemToo) {
  EXPECT_EQ(line_of({{"eval_reward", -0.5}, {"eval_kl", 0.25}, {"eval_completions/mean_length", 20}}),
            "step 4/12  epoch 0.50  eval:  reward -0.5  KL 0.25  length 20");
  EXPECT_EQ(
      line_of({{"eval_reward", 2}, {"eval_win_rate", 0.625}, {"eval_win_rate_low", 0.5}, {"eval_kl", 0.25}}),
      "step 4/12  epoch 0.50  eval:  win rate 0.625  reward 2  KL 0.25");
}

TEST(ConsoleRow, ALossThatTeachesStaysAndKtosBaselineIsNotCalledKl) {
  EXPECT_EQ(line_of({{"loss", 0.25}, {"reward", 1}}), "step 4/12  epoch 0.50  reward 1  loss 0.25");
  EXPECT_EQ(line_of({{"loss", 0.5}, {"kl", 3}}), "step 4/12  epoch 0.50  loss 0.5");
  EXPECT_EQ(line_of({{"loss", 0}}), "step 4/12  epoch 0.50  loss 0");
}

TEST(ConsoleRow, TheBarShowsTheStepAndTheMainNumberOfTheMethod) {
  EXPECT_EQ(bar_note(4, 12, {{"loss", 0.6}}), "step 4/12, loss 0.6");
  EXPECT_EQ(bar_note(4, 12, {{"loss", 0.6}, {"rewards/margins", 0.3125}, {"rewards/accuracies", 1}}),
            "step 4/12, margin 0.312");
  EXPECT_EQ(bar_note(4, 12, {{"loss", 1e-17}, {"reward", 2}}), "step 4/12, reward 2");
  EXPECT_EQ(bar_note(4, 12, {}), "step 4/12");
}

}  // namespace
}  // namespace una::report
