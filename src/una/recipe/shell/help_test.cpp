#include "una/recipe/shell/help.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "una/base/format.h"

namespace una::recipe {
namespace {

bool has_key(const std::vector<HelpGroup>& groups, const std::string& title, const std::string& key) {
  for (const HelpGroup& group : groups) {
    for (const OptionHelp& option : group.options) {
      if (option.name == key && (title.empty() || group.title == title)) { return true; }
    }
  }
  return false;
}

TEST(Help, KeysComeByThemeAndOnlyThoseThatTheMethodReads) {
  const auto groups = run_groups(setup::find_method("dpo"), false);
  EXPECT_TRUE(has_key(groups, "model", "ref_model"));
  EXPECT_TRUE(has_key(groups, "adapter", "lora_r"));
  EXPECT_TRUE(has_key(groups, "data", "max_length"));
  EXPECT_TRUE(has_key(groups, "loss", "loss_type"));
  EXPECT_TRUE(has_key(groups, "schedule", "learning_rate"));
  EXPECT_TRUE(has_key(groups, "evaluation", "eval_steps"));
  EXPECT_TRUE(has_key(groups, "output", "save_steps"));
  EXPECT_FALSE(has_key(groups, "", "una_loss"));
  EXPECT_FALSE(has_key(groups, "", "num_generations"));
  EXPECT_TRUE(
      has_key(run_groups(setup::find_method("rloo"), false), "sampling and rewards", "num_generations"));
}

TEST(Help, AllShowsEveryKeyOnce) {
  std::vector<std::string> names;
  for (const HelpGroup& group : run_groups(setup::find_method("dpo"), true)) {
    for (const OptionHelp& option : group.options) { names.push_back(option.name); }
  }
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::unique(names.begin(), names.end()), names.end());
  EXPECT_EQ(names.size(), describe_options(setup::RunConfig{}).size())
      << "--download, but not the method itself";
}

TEST(Help, KeysThatTheCommandReadsItselfAreThere) {
  EXPECT_TRUE(
      has_key(run_groups(setup::find_method("una"), false, {}, {"num_generations"}), "", "num_generations"));
}

TEST(Help, KeysOfSeveralRanksComeLast) {
  const auto groups =
      run_groups(setup::find_method("dpo"), false,
                 {{"nproc", "0", "", {}}, {"save_before", "", "", {}}, {"rounds", "3", "", {}}});
  EXPECT_EQ(groups.back().title, "several ranks");
  EXPECT_TRUE(has_key(groups, "several ranks", "nproc"));
  EXPECT_TRUE(has_key(groups, "schedule", "save_before"));
  EXPECT_TRUE(has_key(groups, "command", "rounds"));
}

TEST(Help, LinesAreWrappedBetweenWordsWithinTheWidth) {
  const OptionHelp option{
      "beta", "0.1", "words that go on and on until the line of the terminal is full", {}};
  const std::string text = help_text({"usage: una x", {{"loss", {option}}}}, 60);
  for (const std::string& line : split(text, '\n')) { EXPECT_LE(line.size(), 60U) << line; }
  EXPECT_NE(text.find("\nloss\n  --beta"), std::string::npos);
  EXPECT_NE(text.find("[0.1]"), std::string::npos);
  EXPECT_NE(text.find("\n" + std::string(34, ' ') + "u"), std::string::npos) << text;
}

TEST(Help, AGroupWithoutKeysHasNoHeading) { EXPECT_EQ(help_text({"usage", {{"empty", {}}}}, 80), "usage\n"); }

}  // namespace
}  // namespace una::recipe
