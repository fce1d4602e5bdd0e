#include "una/rows/files/csv.h"

#include <gtest/gtest.h>

#include "una/base/format.h"
#include "una/rows/files/row_feed.h"
#include "una/rows/rows_testing.h"

namespace una::rows {
namespace {

struct Table {
  std::vector<std::string> header;
  std::vector<CsvRow> rows;
};

// Read `most` rows at a time.
Table parse(std::string_view text, char delimiter = ',', std::size_t most = 2) {
  const std::string path = write_rows(test_folder("csv"), "t.csv", text);
  FileBytes file(path);
  CsvReader reader(file, path, delimiter);
  Table table{.header = reader.header(), .rows = {}};
  for (std::vector<CsvRow> rows = reader.next(most); !rows.empty(); rows = reader.next(most)) {
    EXPECT_LE(rows.size(), most);
    for (CsvRow& row : rows) { table.rows.push_back(std::move(row)); }
  }
  return table;
}

std::vector<Json> objects(std::string_view text, char delimiter = ',') {
  const Table table = parse(text, delimiter);
  CsvColumns columns(table.header);
  for (const CsvRow& row : table.rows) { columns.see(row); }
  std::vector<Json> out;
  for (const CsvRow& row : table.rows) { out.push_back(columns.object(row)); }
  return out;
}

TEST(Csv, QuotedCellsHoldDelimitersQuotesAndLines) {
  for (const std::size_t most : {1U, 2U, 9U}) {
    const Table table = parse("prompt,completion\n\"a, \"\"b\"\"\nc\", d \n\r\n\"x\r\ny\",z", ',', most);
    EXPECT_EQ(table.header, (std::vector<std::string>{"prompt", "completion"}));
    ASSERT_EQ(table.rows.size(), 2U);
    EXPECT_EQ(table.rows[0].cells, (std::vector<std::string>{"a, \"b\"\nc", " d "}));  // white space stays
    EXPECT_EQ(table.rows[1].cells, (std::vector<std::string>{"x\r\ny", "z"}));
    EXPECT_EQ(table.rows[0].line, 2);
    EXPECT_EQ(table.rows[1].line, 5);
  }
}

TEST(Csv, ACarriageReturnAloneEndsRowsToo) {
  EXPECT_EQ(parse("a,b\r1,2\r3,4").rows.size(), 2U);
  EXPECT_TRUE(contains(input_error([] { parse("a,b\r1,2\r3"); }), "t.csv:1: 1 cells, but the header has 2"));
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

// The last cell decides, a thousand rows behind the first.
TEST(Csv, AColumnIsTypedByAllRowsOfALongFile) {
  const std::string folder = test_folder("csv_long");
  std::string text = "prompt,completion,score,source\n";
  for (int i = 0; i < 3000; ++i) { text += cat("p", i, ",a,", i % 2, ",", i == 2999 ? "web" : "1", "\n"); }
  DataOptions options;
  options.dataset_name = {write_rows(folder, "rows.csv", text)};
  const std::vector<ReadRow> rows = read_files(options);
  ASSERT_EQ(rows.size(), 3000U);
  EXPECT_EQ(rows[0].example.source, "1");
  EXPECT_EQ(rows[2999].example.source, "web");
  EXPECT_EQ(rows[2999].example.where.line, 3001);
  EXPECT_EQ(rows[1].example.responses[0].raw_score, 1);
  options.max_rows = 1030;
  EXPECT_EQ(read_files(options).size(), 1030U);
}

TEST(Csv, AFileOfPairsIsReadAndItsColumnsRenamed) {
  const std::string folder = test_folder("csv_pairs");
  DataOptions options;
  options.dataset_name = {
      write_rows(folder, "pairs.csv", "q,chosen,rejected,weight\n7,1,2,0.5\n\"a\nb\", y, n,2\n")};
  options.columns = {"prompt=q"};
  const std::vector<ReadRow> rows = read_files(options);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_STREQ(rows[0].shape, "TRL pair (strings)");
  EXPECT_EQ(prompt_of(rows[0]), "7");
  EXPECT_EQ(answer_of(rows[1], 0), " y");
  EXPECT_EQ(rows[0].example.weight, .5);
  EXPECT_EQ(rows[1].example.where.line, 3);
  options.dataset_name = {write_rows(folder, "latin.csv", "prompt\nok\ncaf\xE9\n")};
  EXPECT_TRUE(
      contains(input_error([&] { read_files(options); }), "latin.csv:3: the text is not valid UTF-8"));
}

}  // namespace
}  // namespace una::rows
