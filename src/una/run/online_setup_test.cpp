#include "una/run/online_setup.h"

#include <memory>

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::run {
namespace {

std::string refusal(const std::string& method, void (*change)(setup::RunConfig&)) {
  setup::RunConfig config = setup::default_config(method);
  config.online.reward = {"json"};
  change(config);
  try {
    check_online_config(config);
  } catch (const InputError& error) { return error.what(); }
  return "";
}

TEST(OnlineSetup, DefaultsOfEveryOnlineMethodAreAccepted) {
  for (const char* method : {"una_online", "rloo", "grpo", "online_dpo", "ppo"}) {
    EXPECT_EQ(refusal(method, [](setup::RunConfig&) {}), "") << method;
  }
}

TEST(OnlineSetup, KeysThatDoNotFitTogetherAreRefused) {
  EXPECT_NE(refusal("rloo", [](setup::RunConfig& c) { c.online.reward.clear(); }).find("needs a reward"),
            std::string::npos);
  EXPECT_NE(refusal("rloo", [](setup::RunConfig& c) { c.data.max_length = 100; }), "");
  EXPECT_NE(refusal("rloo", [](setup::RunConfig& c) { c.online.temperature = 0.5; }), "");
  EXPECT_NE(refusal("una_online", [](setup::RunConfig& c) { c.objective.una_f = "kto_z0"; }), "");
  EXPECT_NE(refusal("ppo", [](setup::RunConfig& c) { c.model.use_peft = false; }), "");
}

TEST(OnlineSetup, SamplingFollowsTheKeysAndTheEndsOfTheTokenizer) {
  setup::RunConfig config = setup::default_config("ppo");
  config.train.seed = 9;
  const setup::TextSetup text{
      .folder = "test",
      .encoder = text::Encoder({.tokenizer = std::make_shared<text::Tokenizer>(
                                    text::train_bpe({"the end"}, 260, {}), "", "", "test"),
                                .eos_id = 3,
                                .other_end_ids = {5}})};
  const SamplingParams params = sampling_of(config, text);
  EXPECT_EQ(params.max_new_tokens, 53);
  EXPECT_EQ(params.stop_ids, (std::vector<std::int32_t>{5, 3}));
  EXPECT_EQ(params.seed, 9U);
}

}  // namespace
}  // namespace una::run
