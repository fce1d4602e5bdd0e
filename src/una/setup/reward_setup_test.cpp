#include "una/setup/reward_setup.h"

#include <cstdlib>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
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

TEST(RewardSetup, AModelOfTheHubsCacheIsFoundByName) {
  const std::string cache = test_folder("reward_hub"),
                    snapshot = cache + "/models--org--tiny/snapshots/abc123";
  setenv("HF_HUB_CACHE", cache.c_str(), 1);
  make_folder(snapshot);
  make_folder(cache + "/models--org--tiny/refs");
  write_file(cache + "/models--org--tiny/refs/main", "abc123");
  EXPECT_EQ(model_place("org/tiny").folder, snapshot);
  write_file(snapshot + "/adapter_config.json", R"({"base_model_name_or_path": "org/tiny@abc123"})");
  const ModelPlace place = model_place("org/tiny");
  EXPECT_EQ(place.adapter, snapshot);
  EXPECT_EQ(place.folder, snapshot) << "the base that an adapter names, too";
  const auto error_of = [](const std::string& reward) -> std::string {
    try {
      make_rewards({reward}, {1});
    } catch (const InputError& error) { return error.what(); }
    return "";
  };
  EXPECT_EQ(error_of("model:org/tiny").find("there is no folder"), std::string::npos);
  EXPECT_NE(error_of("model:org/other").find("there is no folder 'org/other'"), std::string::npos);
  unsetenv("HF_HUB_CACHE");
}

}  // namespace
}  // namespace una::setup
