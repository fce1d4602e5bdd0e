#include "una/data/csv.h"

#include <gtest/gtest.h>

#include "una/data/row_feed.h"
#include "una/data/test_support.h"

namespace una::data {
namespace {

using detail::CsvTable;

std::vector<Json> objects(std::string_view text, char delimiter = ',') {
  return detail::csv_objects(detail::parse_csv(text, "t.csv", delimiter));
}

TEST(Csv, QuotedCellsHoldDelimitersQuotesAndLines) {
  const CsvTable table =
      detail::parse_csv("prompt,completion\n\"a, \"\"b\"\"\nc\", d \n\r\n\"x\r\ny\",z", "t.csv", ',');
  EXPECT_EQ(table.header, (std::vector<std::string>{"prompt", "completion"}));
  ASSERT_EQ(table.rows.size(), 2U);
  EXPECT_EQ(table.rows[0], (std::vector<std::string>{"a, \"b\"\nc", " d "}));  // white space stays
  EXPECT_EQ(table.rows[1], (std::vector<std::string>{"x\r\ny", "z"}));
  EXPECT_EQ(table.lines, (std::vector<std::int64_t>{2, 5}));
}

TEST(Csv, ColumnsGetTheTypeThatAllTheirCellsHave) {
  const std::vector<Json> rows = objects(
      "prompt\tcompletion\tlabel\tscore\tnote\tmessages\n"
      "1\t42\tTrue\t0.5\t1\t\"[{\"\"role\"\": \"\"user\"\", \"\"content\"\": \"\"hi\"\"}]\"\n"
      "2\ttrue\tfalse\t.25\tone\t\n"
      "3\t[1]\t\t-3e2\t\t[]\n",
      '\t');
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0]["completion"], "42");  // an answer, not a number
  EXPECT_EQ(rows[1]["completion"], "true");
  EXPECT_EQ(rows[0]["label"], true);
  EXPECT_EQ(rows[1]["label"], false);
  EXPECT_TRUE(rows[2]["label"].is_null());
  EXPECT_EQ(rows[1]["score"], .25);
  EXPECT_EQ(rows[2]["score"], -300);
  EXPECT_EQ(rows[0]["note"], "1");  // "one" makes the column text
  EXPECT_EQ(rows[0]["messages"][0]["content"], "hi");
  EXPECT_TRUE(rows[1]["messages"].is_null());
}

TEST(Csv, WhatIsWrongIsNamedByLine) {
  const auto error = [](std::string_view text) { return input_error([&] { objects(text); }); };
  EXPECT_TRUE(
      contains(error("a,b\n1,2\n\"x\ny\",2\n1\n3,4\n"), "t.csv:5: 1 cells, but the header has 2 columns"));
  EXPECT_TRUE(contains(error("a,b\n1,2\n1,2,3\n"), "t.csv:3: 3 cells"));
  EXPECT_TRUE(contains(error("a,b\n1,x\"y\n"), "t.csv:2: not valid CSV"));
  EXPECT_TRUE(contains(error("a,b\n1,2\n1,\"y\n\n"), "t.csv:3: not valid CSV"));
  EXPECT_TRUE(contains(error(""), "t.csv: no header line"));
}

TEST(Csv, AFileOfPairsIsReadAndItsColumnsRenamed) {
  const std::string folder = test_folder("csv_pairs");
  DataOptions options;
  options.dataset_name = {
      write_rows(folder, "pairs.csv", "q,chosen,rejected,weight\n7,1,2,0.5\n\"a\nb\", y, n,2\n")};
  options.columns = {"prompt=q"};
  const std::vector<detail::ReadRow> rows = detail::read_files(options);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_STREQ(rows[0].shape, "TRL pair (strings)");
  EXPECT_EQ(prompt_of(rows[0]), "7");
  EXPECT_EQ(answer_of(rows[1], 0), " y");
  EXPECT_EQ(rows[0].example.weight, .5);
  EXPECT_EQ(rows[1].example.where.line, 3);
  options.dataset_name = {write_rows(folder, "latin.csv", "prompt\nok\ncaf\xE9\n")};
  EXPECT_TRUE(contains(input_error([&] { detail::read_files(options); }),
                       "latin.csv:3: the text is not valid UTF-8"));
}

}  // namespace
}  // namespace una::data
