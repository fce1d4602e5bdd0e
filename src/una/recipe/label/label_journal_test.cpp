#include "una/recipe/label/label_journal.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una::recipe {
namespace {

std::vector<Example> rows_of(std::size_t count, std::size_t answers) {
  Example row;
  row.responses.resize(answers);
  return std::vector<Example>(count, row);
}

Labels labels_of(const std::vector<std::optional<double>>& scores) {
  Labels labels;
  for (const auto& score : scores) {
    labels.verdicts.push_back(score ? reward::scored(*score) : reward::failed("no reply"));
  }
  return labels;
}

TEST(LabelJournal, IsTakenUpWhereItStopped) {
  const std::string path = test_folder("label_journal") + "/out.partial";
  const auto rows = rows_of(3, 2);
  {
    LabelJournal journal(path, "id", rows);
    EXPECT_TRUE(journal.is_empty());
    journal.add(1, labels_of({0.5, 1.5}));
  }
  const LabelJournal again(path, "id", rows);
  EXPECT_EQ(again.taken_up(), 1U);
  EXPECT_FALSE(again.done()[0]);
  EXPECT_EQ(again.labels(1).verdicts[1].score, 1.5);
  EXPECT_THROW(again.labels(0), InternalError);
}

TEST(LabelJournal, RowsWithAMissingScoreAreJudgedAgain) {
  const std::string path = test_folder("label_journal") + "/missing.partial";
  { LabelJournal(path, "id", rows_of(1, 2)).add(0, labels_of({0.5, std::nullopt})); }
  EXPECT_EQ(LabelJournal(path, "id", rows_of(1, 2)).taken_up(), 0U);
}

TEST(LabelJournal, ATornLastLineIsPassedOver) {
  const std::string path = test_folder("label_journal") + "/torn.partial";
  { LabelJournal(path, "id", rows_of(2, 1)).add(0, labels_of({1})); }
  write_file(path, read_file(path) + R"({"row":1,"scor)");
  EXPECT_EQ(LabelJournal(path, "id", rows_of(2, 1)).taken_up(), 1U);
}

TEST(LabelJournal, AnotherRewardOrOtherDataIsRefused) {
  const std::string path = test_folder("label_journal") + "/other.partial";
  { LabelJournal(path, "id", rows_of(1, 1)).add(0, labels_of({1})); }
  EXPECT_THROW(LabelJournal(path, "other", rows_of(1, 1)), InputError);
}

}  // namespace
}  // namespace una::recipe
