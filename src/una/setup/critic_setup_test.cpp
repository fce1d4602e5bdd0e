#include "una/setup/critic_setup.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"
#include "una/train/tiny_testing.h"
#include "una/weights/hf_config.h"

namespace una::setup {
namespace {

RunConfig tiny_config(const std::string& folder) {
  const ModelSpec spec = train::testing::tiny_spec();
  write_file(folder + "/config.json", weights::print_model_spec(spec));
  weights::write_model_weights(folder, model::Model(spec, 1, {}).named_tensors(), kShardBytes);
  RunConfig config = default_config("ppo");
  config.model.model_name_or_path = folder;
  config.model.lora_r = 2;
  config.run.reference_cache_dir = "none";
  return config;
}

TEST(CriticSetup, AnAdapterIsASecondOneOnThePolicysModel) {
  const RunConfig config = tiny_config(test_folder("critic_adapter"));
  ModelSetup setup = load_for_training(config, false, true);
  add_critic(setup, config);
  EXPECT_NE(setup.critic, model::kNoAdapter);
  EXPECT_NE(setup.critic, setup.policy);
  EXPECT_EQ(setup.critic_model, nullptr);
}

TEST(CriticSetup, AModelOfItsOwnHasItsOwnWeights) {
  RunConfig config = tiny_config(test_folder("critic_model"));
  config.online.critic = "model";
  ModelSetup setup = load_for_training(config, false, true);
  add_critic(setup, config);
  ASSERT_NE(setup.critic_model, nullptr);
  EXPECT_TRUE(setup.critic_model->has_reward_head());
}

TEST(CriticSetup, AStartThatIsNotARewardModelIsRefused) {
  const std::string folder = test_folder("critic_from");
  RunConfig config = tiny_config(folder);
  ModelSetup setup = load_for_training(config, false, true);
  for (const std::string& from : {folder, folder + "/none"}) {
    config.online.critic_from = from;
    EXPECT_THROW(add_critic(setup, config), InputError) << from;
  }
}

}  // namespace
}  // namespace una::setup
