#include "una/setup/ppo_preset.h"

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::setup {
namespace {

TEST(PpoPreset, TheUsersKeysWinOverThePresets) {
  const RunConfig config = read_run_config({"--ppo_preset", "openrlhf", "--num_mini_batches", "2"}, "ppo");
  EXPECT_EQ(config.online.num_mini_batches, 2);
  EXPECT_EQ(config.online.reward_clip, 10) << "the preset's";
  EXPECT_EQ(config.objective.vf_coef, 1);
}

TEST(PpoPreset, NoneLeavesTheDefaults) {
  EXPECT_EQ(print_options(read_run_config({"--ppo_preset", "none"}, "ppo")),
            print_options(read_run_config({}, "ppo")));
}

TEST(PpoPreset, AnUnknownOneAndAnotherMethodAreRefused) {
  EXPECT_THROW(read_run_config({"--ppo_preset", "tlr"}, "ppo"), InputError);
  EXPECT_THROW(read_run_config({"--ppo_preset", "trl"}, "rloo"), InputError);
}

}  // namespace
}  // namespace una::setup
