#include <gtest/gtest.h>

#include "una/base/options.h"

namespace una {
namespace {

const std::vector<OptionHelp> kKnown = {{"beta", "0.1", "", detail::FieldKind::kValue},
                                        {"bf16", "false", "", detail::FieldKind::kBool},
                                        {"dataset_name", "[]", "", detail::FieldKind::kList}};

Settings parse(const std::vector<std::string>& words) {
  return parse_flags(words, kKnown, {{"data", "dataset_name"}}, nullptr);
}

TEST(Flags, DashesUnderscoresEqualsAndAliasesAreOneKey) {
  const Settings settings = parse({"--data", "a", "b", "--beta=-0.5", "--bf16"});
  EXPECT_EQ(settings.find("dataset_name")->list, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(settings.find("beta")->text, "-0.5");
  EXPECT_EQ(settings.find("bf16")->text, "true");
  EXPECT_EQ(parse({"--dataset-name", "x,y"}).find("dataset_name")->list.size(), 2U);
  EXPECT_EQ(parse({"--bf16", "false", "--beta", "-1e-3"}).find("bf16")->text, "false");
  EXPECT_EQ(parse({"--beta", "1", "--beta", "2"}).find("beta")->text,
            "2");  // the last one holds, as in argparse
  EXPECT_EQ(parse({"--no-bf16"}).find("bf16")->text, "false");
}

std::string warnings_of(const std::vector<std::string>& words) {
  ::testing::internal::CaptureStderr();
  parse(words);
  return ::testing::internal::GetCapturedStderr();
}

TEST(Flags, AValueThatIsReplacedIsSaid) {
  EXPECT_EQ(warnings_of({"--data", "a", "--data", "b"}),
            "warning: --data: given twice, the last one counts; several values go behind one flag\n");
  EXPECT_EQ(warnings_of({"--beta", "1", "--beta=2"}), "warning: --beta: given twice, the last one counts\n");
  EXPECT_EQ(warnings_of({"--beta", "1", "--beta", "1", "--data", "a"}), "");
}

TEST(Flags, BadWordsAreRefused) {
  EXPECT_THROW(parse({"beta", "1"}), InputError);
  EXPECT_THROW(parse({"--beta"}), InputError);
  EXPECT_THROW(parse({"--beta", "--bf16"}), InputError);
}

TEST(Flags, AnUnknownFlagTakesItsWordsSoThatItIsNamedAndNotThey) {
  EXPECT_TRUE(parse({"--push_to_hub"}).has("push_to_hub"));
  EXPECT_EQ(parse({"--tags", "a", "b", "--beta", "1"}).find("beta")->text, "1");
  EXPECT_EQ(parse({"--Push-To-Hub"}).find("Push_To_Hub")->origin, "--Push-To-Hub");
}

}  // namespace
}  // namespace una
