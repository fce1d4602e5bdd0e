#include "una/recipe/label_journal.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files.h"

namespace una::recipe {
namespace {

std::vector<Example> three_rows() {
  Example row;
  row.responses.resize(1);
  return {row, row, row};
}

Labels scored(double score) { return {.verdicts = {reward::scored(score)}}; }

const std::string kPath = testing::TempDir() + "una-label-journal.partial";
const std::vector<Example> kRows = three_rows();

TEST(LabelJournal, ContinuesWithWhatItHolds) {
  write_file(kPath, "");
  LabelJournal(kPath, "me", kRows).add(1, scored(0.25));
  LabelJournal again(kPath, "me", kRows);
  EXPECT_EQ(again.taken_up(), 1U);
  EXPECT_EQ(again.labels(1).verdicts[0].score, 0.25);
  EXPECT_FALSE(again.done()[0].has_value());
}

TEST(LabelJournal, AFileWithoutAWholeFirstLineIsStartedAnew) {
  write_file(kPath, "");
  LabelJournal(kPath, "me", kRows).add(0, scored(1));
  const std::string whole = read_file(kPath), head = whole.substr(0, whole.find('\n'));
  for (std::size_t size = 0; size <= head.size(); ++size) {
    write_file(kPath, head.substr(0, size));
    LabelJournal journal(kPath, "me", kRows);
    EXPECT_TRUE(journal.is_empty());
    journal.add(2, scored(0.5));
    EXPECT_EQ(LabelJournal(kPath, "me", kRows).taken_up(), 1U) << size;
  }
  write_file(kPath, std::string(40, '\0'));
  EXPECT_EQ(LabelJournal(kPath, "me", kRows).taken_up(), 0U) << "a power cut";
}

TEST(LabelJournal, ATornLineIsJudgedAgain) {
  write_file(kPath, "");
  {
    LabelJournal journal(kPath, "me", kRows);
    journal.add(0, scored(1));
    journal.add(1, scored(2));
  }
  const std::string whole = read_file(kPath);
  write_file(kPath, whole.substr(0, whole.size() - 5));
  LabelJournal journal(kPath, "me", kRows);
  EXPECT_EQ(journal.taken_up(), 1U);
  journal.add(2, scored(3));
  EXPECT_EQ(LabelJournal(kPath, "me", kRows).taken_up(), 2U);
}

TEST(LabelJournal, WorkOfAnotherRewardAndForeignFilesAreRefused) {
  write_file(kPath, "");
  LabelJournal(kPath, "me", kRows).add(0, scored(1));
  EXPECT_THROW(LabelJournal(kPath, "you", kRows), InputError);
  for (const char* text : {"my notes", "my notes\n", "\n", "{\"una_label\": 3}\n"}) {
    write_file(kPath, text);
    EXPECT_THROW(LabelJournal(kPath, "me", kRows), InputError) << text;
    EXPECT_EQ(read_file(kPath), text);
  }
}

}  // namespace
}  // namespace una::recipe
