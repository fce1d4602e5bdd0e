#include "una/setup/reward_setup.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/testing.h"

namespace una::setup {
namespace {

std::string warning_of(std::int64_t pad, std::int32_t eos) {
  ModelSpec spec;
  spec.pad_id = static_cast<std::int32_t>(pad);
  ::testing::internal::CaptureStderr();
  warn_of_pad("folder", spec, eos);
  return ::testing::internal::GetCapturedStderr();
}

TEST(RewardSetup, RulesAreMadeByNameWithAWeightEach) {
  const Rewards rewards = make_rewards({"json", "exact_match"}, {1, 0.5});
  EXPECT_NE(rewards.reward, nullptr);
  EXPECT_TRUE(rewards.models.empty());
}

TEST(RewardSetup, UnknownNamesAndMissingFoldersAreRefused) {
  EXPECT_THROW(make_rewards({"jsno"}, {1}), InputError);
  EXPECT_THROW(make_rewards({"model:/nowhere"}, {1}), InputError);
}

TEST(RewardSetup, APadThatEndsAnswersIsWarnedOf) {
  EXPECT_NE(warning_of(2, 2).find("pad_token_id 2"), std::string::npos);
  EXPECT_EQ(warning_of(0, 2), "");
  EXPECT_EQ(warning_of(-1, -1), "");
}

TEST(RewardSetup, AFolderWithoutAnAdapterIsAModel) {
  const std::string folder = test_folder("reward_setup");
  EXPECT_EQ(model_place(folder).folder, folder);
  EXPECT_EQ(model_place(folder).adapter, "");
}

}  // namespace
}  // namespace una::setup
