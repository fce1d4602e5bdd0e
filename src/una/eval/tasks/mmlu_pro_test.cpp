#include "una/eval/tasks/mmlu_pro.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/json_line.h"
#include "una/base/testing.h"

namespace una::eval {
namespace {

Json row_of(const std::string& question, const Json& options, const std::string& answer) {
  return {{"question", question}, {"options", options}, {"answer", answer}};
}

std::vector<Item> items_of(const std::string& name, int examples, const std::vector<Json>& rows) {
  const std::string folder = test_folder("mmlu_pro_" + name);
  std::string shots, lines;
  for (int i = 0; i < examples; ++i) { shots += json_line(row_of("e" + std::to_string(i), {"x", "y"}, "B")); }
  for (const Json& row : rows) { lines += json_line(row); }
  write_file(folder + "/mmlu_pro_validation.jsonl", shots);
  write_file(folder + "/mmlu_pro_test.jsonl", lines);
  return load_mmlu_pro(TaskFiles(folder, 0)).at(0).items;
}

TEST(MmluPro, TheFirstFiveValidationRowsAreTheExamplesOfEveryQuestion) {
  std::string shots;
  for (const char* number : {"0", "1", "2", "3", "4"}) {
    shots += std::string("e") + number + "\nA. x\nB. y\nAnswer: B\n\n";
  }
  const std::vector<Item> items =
      items_of("examples", 6, {row_of("q1", {"a", "b", "c"}, "C"), row_of("q2", {"a"}, "A")});
  EXPECT_EQ(items[0].context, shots + "q1\nA. a\nB. b\nC. c\nAnswer:");
  EXPECT_EQ(items[1].context, shots + "q2\nA. a\nAnswer:");
  EXPECT_THROW(items_of("few", 4, {row_of("q", {"a"}, "A")}), InputError);
}

TEST(MmluPro, TheChoicesAreTheLettersOfARowsOwnOptions) {
  const std::vector<Item> items =
      items_of("letters", 5, {row_of("q", "['a', \"b's\"]", "B"), row_of("q", {"a", "b"}, "C")});
  EXPECT_EQ(items[0].choices, (std::vector<std::string>{"A", "B"}));
  EXPECT_EQ(items[0].gold, 1);
  EXPECT_EQ(items[1].gold, -1) << "a letter behind the last option";
  EXPECT_THROW(items_of("many", 5, {row_of("q", std::vector<std::string>(27, "a"), "A")}), InputError);
}

}  // namespace
}  // namespace una::eval
