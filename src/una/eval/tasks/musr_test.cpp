#include "una/eval/tasks/musr.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/json_line.h"
#include "una/base/testing.h"

namespace una::eval {
namespace {

Json row_of(const std::string& answer) {
  return {{"narrative", "N."},
          {"question", "Q?"},
          {"choices", "['a', \"b's\", 'c', 'd']"},
          {"answer_choice", answer}};
}

Subtask load(const std::string& stem, const Json& row) {
  const std::string folder = test_folder(stem);
  write_file(folder + "/" + stem + ".jsonl", json_line(row));
  return load_musr(TaskFiles(folder, 0)).at(0);
}

TEST(Musr, ChoicesAreNumberedFromOneAndAnsweredByTheirText) {
  const Item item = load("musr_own", row_of("b's")).items.at(0);
  EXPECT_EQ(item.context, "N.\n\nQ?\n\n1 - a\n2 - b's\n3 - c\n4 - d\n\nAnswer:");
  EXPECT_EQ(item.choices.at(1), "b's");
  EXPECT_EQ(item.gold, 1);
  EXPECT_EQ(load("musr_own", row_of("e")).items.at(0).gold, -1);
}

// The leaderboard's lower bounds: 1/2, 1/5 and 1/3, whatever a row offers.
TEST(Musr, ChanceIsTheLeaderboardsForItsFilesAndCountedForOthers) {
  EXPECT_EQ(load("musr_murder_mysteries", row_of("a")).chance, 1.0 / 2);
  EXPECT_EQ(load("musr_object_placements", row_of("a")).chance, 1.0 / 5);
  EXPECT_EQ(load("musr_team_allocation", row_of("a")).chance, 1.0 / 3);
  EXPECT_EQ(load("musr_own", row_of("a")).chance, 1.0 / 4);
}

TEST(Musr, ARowWithoutAListOfChoicesIsNamed) {
  Json row = row_of("a");
  row["choices"] = "a, b";
  try {
    load("musr_bad", row);
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("musr_bad.jsonl:1: field \"choices\""), std::string::npos)
        << error.what();
  }
  EXPECT_THROW(load_musr(TaskFiles(test_folder("musr_none"), 0)), InputError);
}

}  // namespace
}  // namespace una::eval
