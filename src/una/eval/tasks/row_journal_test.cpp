#include "una/eval/tasks/row_journal.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una::eval {
namespace {

Item item(std::int64_t number, const std::string& context) {
  return {.where = {"rows.jsonl", number + 1},
          .number = number,
          .context = context,
          .choices = {"a", "b"},
          .gold = 1,
          .row = {}};
}

TEST(RowJournal, GoesOnWithWhatIsDoneAndDropsATornLine) {
  const std::string path = test_folder("journal") + "/bbh.jsonl";
  {
    RowJournal journal(path, "model 1");
    journal.add("bbh_x", item(0, "one"), {{"gold", 1}}, {{{"acc", 1, 1}, {"inst", 2, 3}}});
    journal.add("bbh_x", item(1, "two"), {}, {{{"acc", 0, 1}}});
  }
  const std::string whole = read_file(path);
  write_file(path, whole.substr(0, whole.size() - 9));  // a kill in the middle of the last line
  RowJournal journal(path, "model 1");
  const RowResult* first = journal.find("bbh_x", item(0, "one"));
  ASSERT_NE(first, nullptr);
  ASSERT_EQ(first->parts.size(), 2U);
  EXPECT_EQ(first->parts[1].metric, "inst");
  EXPECT_EQ(first->parts[1].count, 3);
  EXPECT_EQ(journal.find("bbh_x", item(1, "two")), nullptr);
  EXPECT_EQ(journal.find("bbh_y", item(0, "one")), nullptr);
  journal.add("bbh_x", item(1, "two"), {}, {{{"acc", 0, 1}}});
  EXPECT_NE(RowJournal(path, "model 1").find("bbh_x", item(1, "two")), nullptr);
}

TEST(RowJournal, RefusesAnotherModelsFileAndAChangedRow) {
  const std::string path = test_folder("journal_other") + "/bbh.jsonl";
  {
    RowJournal journal(path, "model 1");
    journal.add("bbh_x", item(0, "one"), {}, {{{"acc", 1, 1}}});
    EXPECT_THROW(journal.find("bbh_x", item(0, "another text")), InputError);
  }
  EXPECT_THROW(RowJournal(path, "model 2"), InputError);
  write_file(path, "{\"prompt\": \"someone's rows\"}\n");
  EXPECT_THROW(RowJournal(path, "model 1"), InputError);
}

}  // namespace
}  // namespace una::eval
