#include "una/setup/methods.h"

#include <set>

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::setup {
namespace {

RunConfig read(const std::vector<std::string>& arguments, const std::string& method) {
  return read_run_config(arguments, method);
}

std::string sentence(const std::vector<std::string>& arguments, const std::string& method) {
  try {
    read(arguments, method);
  } catch (const InputError& error) { return error.what(); }
  return "";
}

TEST(Methods, HaveDifferentNamesAndAnObjectiveEach) {
  std::set<std::string> names;
  for (const Method& method : methods()) {
    EXPECT_TRUE(names.insert(method.name).second) << method.name;
    RunConfig config = default_config(method.name);
    EXPECT_NE(objective::make_objective(method.objective, config.objective), nullptr) << method.name;
    EXPECT_FALSE(method.summary.empty()) << method.name;
  }
  EXPECT_EQ(names.size(), 10U);
}

TEST(Methods, AnUnknownNameSuggestsTheNearest) {
  EXPECT_EQ(find_method("rloo").objective, "rloo");
  try {
    find_method("una_onlin");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("did you mean 'una_online'"), std::string::npos) << error.what();
  }
}

TEST(Methods, ALossOfDpoIsNamedAsOne) {
  try {
    find_method("simpo");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(), "method: 'simpo' is a loss of dpo: --method dpo --loss_type simpo");
  }
}

TEST(Methods, LearnFromOwnSamplesOrFromRows) {
  EXPECT_TRUE(is_online("ppo"));
  EXPECT_FALSE(is_online("dpo"));
  EXPECT_EQ(find_method("online_dpo").online, online::Method::kOnlineDpo);
}

TEST(Methods, AFlagThatTheMethodDoesNotReadIsRefusedNamingThoseThatDo) {
  EXPECT_EQ(sentence({"--loss_type", "ipo"}, "una"),
            "--loss_type: una does not read this key; dpo, grpo, online_dpo do");
  EXPECT_EQ(sentence({"--una_loss", "bce"}, "dpo"),
            "--una_loss: dpo does not read this key; una, una_online do");
  EXPECT_NE(sentence({"--num_generations", "4"}, "dpo").find("una_online, rloo, grpo"), std::string::npos);
  EXPECT_EQ(sentence({"--whiten_rewards", "true"}, "grpo"),
            "--whiten_rewards: grpo does not read this key; ppo does");
  EXPECT_NE(sentence({"--ref_model", "x"}, "sft"), "");
  EXPECT_NE(sentence({"--max_completion_length", "9"}, "dpo"), "");
}

TEST(Methods, AFlagIsRefusedEvenWithItsDefault) { EXPECT_NE(sentence({"--una_loss", "mse"}, "dpo"), ""); }

TEST(Methods, AllRefusedKeysComeAtOnce) {
  const std::string text = sentence({"--una_loss", "bce", "--gamma", "1"}, "dpo");
  EXPECT_NE(text.find("--una_loss"), std::string::npos);
  EXPECT_NE(text.find("--gamma"), std::string::npos);
}

TEST(Methods, KeysThatTheMethodReadsPass) {
  EXPECT_EQ(sentence({"--loss_type", "ipo", "--beta", "0.2", "--ref_model", "x"}, "dpo"), "");
  EXPECT_EQ(sentence({"--una_f", "group", "--sft_target", "0.5"}, "una"), "");
  EXPECT_EQ(sentence({"--max_completion_length", "9", "--num_generations", "2"}, "online_dpo"), "");
  EXPECT_EQ(sentence({"--max_length", "9", "--lora_r", "2"}, "reward"), "");
}

TEST(Methods, TheYamlOfEveryMethodsDefaultsIsReadAgain) {
  for (const Method& method : methods()) {
    const RunConfig config = default_config(method.name);
    const Settings settings = parse_yaml_settings(print_options(config), "run.yaml");
    RunConfig back = default_config(method.name);
    read_options(settings, back);
    EXPECT_NO_THROW(check_keys_read(settings, back, {})) << method.name;
    EXPECT_EQ(print_options(back), print_options(config));
  }
}

}  // namespace
}  // namespace una::setup
