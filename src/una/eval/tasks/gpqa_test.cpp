#include "una/eval/tasks/gpqa.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/json_line.h"
#include "una/base/testing.h"

namespace una::eval {
namespace {

std::vector<Item> items_of(const std::string& name, const std::vector<Json>& rows) {
  const std::string folder = test_folder("gpqa_" + name);
  std::string lines;
  for (const Json& row : rows) { lines += json_line(row); }
  write_file(folder + "/gpqa_diamond.jsonl", lines);
  return load_gpqa(TaskFiles(folder, 0)).at(0).items;
}

Json published(const Json& right, const Json& first, const Json& second, const Json& third) {
  return {{"Question", "Which?"},
          {"Correct Answer", right},
          {"Incorrect Answer 1", first},
          {"Incorrect Answer 2", second},
          {"Incorrect Answer 3", third}};
}

// The text of choice (A) to (D) in the context.
std::string shown(const Item& item, std::size_t choice) {
  const std::string mark = "\n" + item.choices.at(choice) + " ";
  const std::size_t begin = item.context.find(mark) + mark.size();
  return item.context.substr(begin, item.context.find('\n', begin) - begin);
}

TEST(Gpqa, ALoggedRowKeepsItsChoicesAndItsLetter) {
  Json row{
      {"Question", " Which?"}, {"choice1", "a [x]"}, {"choice2", "b"}, {"choice3", "c"}, {"choice4", "d"}};
  row["answer"] = "(C)";
  Json other = row;
  other["answer"] = "C";
  const std::vector<Item> items = items_of("logged", {row, other});
  EXPECT_EQ(
      items[0].context,
      "What is the correct answer to this question: Which?\nChoices:\n(A) a [x]\n(B) b\n(C) c\n(D) d\nAnswer: ");
  EXPECT_EQ(items[0].gold, 2);
  EXPECT_EQ(items[1].gold, -1);
}

TEST(Gpqa, APublishedRowsChoicesAreCleanedAsInTheHarness) {
  const Item item = items_of("cleaned", {published("  a [title] b ", "x [1] y", "1    2", "[z]q")})[0];
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < 4; ++i) { texts.push_back(shown(item, i)); }
  EXPECT_EQ(shown(item, static_cast<std::size_t>(item.gold)), "a. b");
  std::sort(texts.begin(), texts.end());
  EXPECT_EQ(texts, (std::vector<std::string>{"1  2", "a. b", "q", "x y"})) << "two spaces become one, once";
}

TEST(Gpqa, AnEmptyAnswerIsASpaceAsInTheHarness) {
  const Item item = items_of("empty", {published("right", nullptr, "b", "c")})[0];
  EXPECT_EQ(shown(item, static_cast<std::size_t>(item.gold)), "right");
  EXPECT_NE(item.context.find(")  \n"), std::string::npos) << item.context;
  Json missing = published("right", "a", "b", "c");
  missing.erase("Incorrect Answer 2");
  EXPECT_THROW(items_of("missing", {missing}), InputError);
}

TEST(Gpqa, TheShuffleIsOfTheRowAndPutsTheAnswerAnywhere) {
  const std::vector<Json> rows(40, published("right", "a", "b", "c"));
  const std::vector<Item> items = items_of("shuffled", rows), again = items_of("shuffled", rows);
  std::vector<int> places(4, 0);
  for (std::size_t i = 0; i < items.size(); ++i) {
    EXPECT_EQ(items[i].context, again[i].context);
    EXPECT_EQ(shown(items[i], static_cast<std::size_t>(items[i].gold)), "right");
    ++places.at(static_cast<std::size_t>(items[i].gold));
  }
  for (const int count : places) { EXPECT_GT(count, 0); }  // ten expected
}

TEST(Gpqa, OfEqualChoicesTheFirstIsRight) {
  for (const Item& item : items_of("equal", std::vector<Json>(12, published("same", "same", "same", "c")))) {
    const std::int64_t first = shown(item, 0) == "same" ? 0 : 1;
    EXPECT_EQ(item.gold, first);
  }
}

TEST(Gpqa, OnlyItsOwnFilesAreRead) {
  const std::string folder = test_folder("gpqa_files");
  write_file(folder + "/gpqareview.jsonl", "{}\n");
  EXPECT_THROW(load_gpqa(TaskFiles(folder, 0)), InputError);
}

}  // namespace
}  // namespace una::eval
