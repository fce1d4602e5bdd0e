#include "una/online/groups.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "una/online/groups_testing.h"

namespace una::online {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

TEST(Groups, OnlyScoredAnswersCount) {
  const rollout::Group group =
      group_for_test({answer_for_test(1), answer_for_test(kNone), answer_for_test(3)});
  EXPECT_EQ(scored_rewards(group), (std::vector<double>{1, 3}));
  EXPECT_DOUBLE_EQ(deviation(scored_rewards(group)), std::sqrt(2));
  EXPECT_EQ(deviation({1}), 0);
}

TEST(Groups, AGroupIsFlatWhenTwoAnswersOrMoreHaveOneScore) {
  EXPECT_TRUE(is_flat(group_for_test({answer_for_test(1), answer_for_test(1)})));
  EXPECT_FALSE(is_flat(group_for_test({answer_for_test(1), answer_for_test(2)})));
  EXPECT_FALSE(is_flat(group_for_test({answer_for_test(1), answer_for_test(kNone)})));
}

TEST(Groups, TheLastTokensBeforeTheLongestAnswerCostMoreAndMore) {
  EXPECT_EQ(overlong_share(80, 20, 100), 0);
  EXPECT_DOUBLE_EQ(overlong_share(90, 20, 100), .5);  // TRL's example: -0.5
  EXPECT_EQ(overlong_share(100, 20, 100), 1);
  EXPECT_EQ(overlong_share(100, 0, 100), 0);
  std::vector<rollout::Group> groups = {
      group_for_test({answer_for_test(1, 1), answer_for_test(1, 2), answer_for_test(1, 3)})};
  OnlineOptions options;
  options.soft_overlong_cache = 2;
  options.soft_overlong_penalty = 4;
  adjust_rewards(groups, options, 3);
  EXPECT_EQ(scored_rewards(groups[0]), (std::vector<double>{1, -1, -3}));
}

TEST(Groups, AMissingEndIsPaidForBeforeTheClip) {
  using Finish = generate::Output::Finish;
  std::vector<rollout::Group> groups = {
      group_for_test({answer_for_test(1, 2, Finish::kLength), answer_for_test(7), answer_for_test(kNone)})};
  OnlineOptions options;
  options.missing_eos_penalty = 0.5;
  options.reward_clip = 5;
  adjust_rewards(groups, options, 3);
  EXPECT_EQ(scored_rewards(groups[0]), (std::vector<double>{0.5, 5}));
}

}  // namespace
}  // namespace una::online
