#include "una/online/round_metrics.h"

#include <limits>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/online/groups_testing.h"

namespace una::online {
namespace {

using Finish = generate::Output::Finish;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

class Named final : public reward::Reward {
 public:
  std::vector<reward::Verdict> score(const std::vector<reward::Question>&) override { return {}; }
  std::string description() const override { return "named"; }
};

double mean(const MetricSums& metrics, const char* name) { return metrics.sum(name) / metrics.count(name); }

TEST(RoundMetrics, AMissingScoreIsCountedAndNeverAZero) {
  const std::vector<rollout::Group> groups = {
      group_for_test({answer_for_test(1, 2), answer_for_test(3, 4, Finish::kLength)}),
      group_for_test({answer_for_test(2, 2), answer_for_test(kNone, 4)})};
  const MetricSums metrics = round_metrics(groups);
  EXPECT_DOUBLE_EQ(mean(metrics, "reward"), 2);
  EXPECT_DOUBLE_EQ(mean(metrics, "reward/failed_ratio"), 0.25);
  EXPECT_DOUBLE_EQ(mean(metrics, "completions/mean_length"), 3);
  EXPECT_DOUBLE_EQ(mean(metrics, "completions/clipped_ratio"), 0.25);
  EXPECT_EQ(metrics.count("reward_std"), 1) << "of the group with two scores";
}

TEST(RoundMetrics, ARoundWithoutAnyScoreNamesRewardAndFailure) {
  Named named;
  RoundParts parts;
  parts.reward = &named;
  check_any_score({group_for_test({answer_for_test(kNone), answer_for_test(0)})}, parts);
  try {
    check_any_score({group_for_test({answer_for_test(kNone), answer_for_test(kNone)})}, parts);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const InputError& error) {
    EXPECT_STREQ(
        error.what(),
        "the reward (named) scored none of the 2 answers of this round; the first failure: no opinion");
  }
}

TEST(RoundMetrics, ARoundWhoseAnswersWereAllCutIsSaid) {
  RoundParts parts;
  parts.sampling.max_new_tokens = 24;
  const rollout::Answer cut = answer_for_test(1, 24, Finish::kLength);
  const std::string words = no_end({group_for_test({cut, cut}), group_for_test({cut})}, parts);
  EXPECT_NE(words.find("all 3 answers of a round were cut at max_completion_length 24"), std::string::npos)
      << words;
  parts.options.mask_truncated_completions = true;
  EXPECT_NE(no_end({group_for_test({cut, cut})}, parts).find("leaves nothing to learn from"),
            std::string::npos);
  EXPECT_EQ(no_end({group_for_test({cut, answer_for_test(1)})}, parts), "");
  EXPECT_EQ(no_end({}, parts), "");
}

}  // namespace
}  // namespace una::online
