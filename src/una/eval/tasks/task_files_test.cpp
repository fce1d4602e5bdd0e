#include "una/eval/tasks/task_files.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una::eval {
namespace {

using Strings = std::vector<std::string>;

rows::JsonRow row_of(Json value) { return {Json{{"key", std::move(value)}}, {"rows.jsonl", 7}}; }

template <class Read>
std::string refusal(const rows::JsonRow& row, const Read& read) {
  try {
    read(row, "key");
  } catch (const InputError& error) { return error.what(); }
  return "";
}

TEST(TaskFiles, TheLimitIsOfQuestionsAndNotOfExamples) {
  const std::string folder = test_folder("task_files");
  write_file(folder + "/a.jsonl", "{\"n\": 1}\n{\"n\": 2}\n{\"n\": 3}\n");
  const TaskFiles two(folder, 2), whole(folder, 0);
  EXPECT_EQ(two.questions("a").size(), 2U);
  EXPECT_EQ(two.questions("a")[1].json["n"], 2);
  EXPECT_EQ(two.all("a").size(), 3U);
  EXPECT_EQ(whole.questions("a").size(), 3U);
}

TEST(TaskFiles, AFileIsFoundByItsNameWithoutEnding) {
  const std::string folder = test_folder("task_files_names");
  for (const char* name : {"/bbh_b.jsonl", "/bbh_a.csv", "/bbh_a.jsonl", "/bbh_c.yaml", "/other.json"}) {
    write_file(folder + name, "");
  }
  const TaskFiles files(folder, 0);
  EXPECT_EQ(files.stems_with("bbh_"), (Strings{"bbh_a", "bbh_b"}));
  EXPECT_TRUE(files.has("other"));
  EXPECT_FALSE(files.has("bbh_c"));
  EXPECT_THROW(files.all("bbh_b"), InputError) << "no rows";
  EXPECT_THROW(files.all("bbh_d"), InputError);
  EXPECT_THROW(TaskFiles(folder + "/none", 0).stems_with(""), InputError);
}

// A CSV reader makes a number of "7" and a truth value of "True".
TEST(TaskFiles, ATextIsTheOneThatATableTookForAValue) {
  EXPECT_EQ(text_field(row_of("a"), "key"), "a");
  EXPECT_EQ(text_field(row_of(7), "key"), "7");
  EXPECT_EQ(text_field(row_of(true), "key"), "True");
  EXPECT_EQ(text_field(row_of(false), "key"), "False");
  EXPECT_EQ(refusal(row_of(1.5), text_field), "rows.jsonl:7: field \"key\" is not a string");
  EXPECT_EQ(refusal(row_of(nullptr), text_field), "rows.jsonl:7: field \"key\" is missing");
  EXPECT_EQ(refusal({Json::array(), {"rows.jsonl", 7}}, text_field),
            "rows.jsonl:7: the row is not an object");
}

TEST(TaskFiles, AWholeNumberMayBeADoubleOrDigits) {
  EXPECT_EQ(integer_field(row_of(81), "key"), 81);
  EXPECT_EQ(integer_field(row_of(-3), "key"), -3);
  EXPECT_EQ(integer_field(row_of(81.0), "key"), 81);
  EXPECT_EQ(integer_field(row_of("081"), "key"), 81);
  for (const Json& value : {Json(1.5), Json("1.5"), Json(""), Json("1234567890"), Json(true), Json(1e15)}) {
    EXPECT_NE(refusal(row_of(value), integer_field).find("is not a whole number"), std::string::npos)
        << value;
  }
}

TEST(TaskFiles, AListMayBeWrittenAsPythonDoes) {
  EXPECT_EQ(list_field(row_of({"a", "b"}), "key"), (Strings{"a", "b"}));
  EXPECT_EQ(list_field(row_of("['a', \"b\"]"), "key"), (Strings{"a", "b"}));
  for (const Json& value : {Json("[]"), Json("a, b"), Json::array(), Json::array({"a", 1}), Json(3)}) {
    EXPECT_NE(refusal(row_of(value), list_field).find("rows.jsonl:7: field \"key\""), std::string::npos)
        << value;
  }
}

}  // namespace
}  // namespace una::eval
