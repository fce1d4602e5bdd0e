#include "una/containers/csv.h"

#include <gtest/gtest.h>

#include "una/base/format.h"
#include "una/containers/containers_testing.h"

namespace una::containers {
namespace {

struct Table {
  std::vector<std::string> header;
  std::vector<CsvRow> rows;
  char delimiter = ',';
};

// Read `most` rows at a time.
Table parse(std::string_view text, const std::string& delimiter = "auto", std::size_t most = 2) {
  const std::string path = write_rows(test_folder("csv"), "t.csv", text);
  FileBytes file(path);
  CsvReader reader(file, path, delimiter);
  Table table{.header = reader.header(), .rows = {}, .delimiter = reader.delimiter()};
  for (std::vector<CsvRow> rows = reader.next(most); !rows.empty(); rows = reader.next(most)) {
    EXPECT_LE(rows.size(), most);
    for (CsvRow& row : rows) { table.rows.push_back(std::move(row)); }
  }
  return table;
}

std::vector<Json> objects(std::string_view text) {
  const Table table = parse(text);
  const CsvColumns columns(table.header, table.header, table.delimiter == ';');
  std::vector<Json> out;
  for (const CsvRow& row : table.rows) { out.push_back(columns.object(row)); }
  return out;
}

TEST(Csv, QuotedCellsHoldDelimitersQuotesAndLines) {
  for (const std::size_t most : {1U, 2U, 9U}) {
    const Table table = parse("prompt,completion\n\"a, \"\"b\"\"\nc\", d \n\r\n\"x\r\ny\",z", "auto", most);
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

TEST(Csv, ACellIsWhatItsColumnHolds) {
  const std::vector<Json> rows = objects(
      "prompt\tcompletion\tlabel\tscore\tsource\tmessages\n"
      "1\t42\tTrue\t0.5\t1\t\"[{\"\"role\"\": \"\"user\"\", \"\"content\"\": \"\"hi\"\"}]\"\n"
      "2\ttrue\tFALSE\t.25\tone\t\n"
      "3\t[1]\tyes\t-3e2\t\t[]\n"
      "4\t\t1\t+4\t\t[\n");
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_EQ(rows[0]["completion"], "42");  // an answer, not a number
  EXPECT_EQ(rows[1]["completion"], "true");
  EXPECT_EQ(rows[0]["label"], true);
  EXPECT_EQ(rows[1]["label"], false);
  EXPECT_EQ(rows[2]["label"], "yes");
  EXPECT_EQ(rows[3]["label"], 1);
  EXPECT_EQ(rows[1]["score"], .25);
  EXPECT_EQ(rows[2]["score"], -300);
  EXPECT_EQ(rows[3]["score"], 4);
  EXPECT_EQ(rows[0]["source"], "1");
  EXPECT_EQ(rows[0]["messages"][0]["content"], "hi");
  EXPECT_TRUE(rows[1]["messages"].is_null());
  EXPECT_EQ(rows[3]["messages"], "[");  // no JSON: the row's reader says so
  EXPECT_TRUE(rows[3]["completion"].is_null());
}

TEST(Csv, TheHeaderOrExcelsFirstLineTellsTheDelimiter) {
  EXPECT_EQ(parse("prompt;chosen;rejected\n1,5;a;b\n").delimiter, ';');
  EXPECT_EQ(parse("prompt\tchosen\trejected\n").delimiter, '\t');
  EXPECT_EQ(parse("prompt|chosen|rejected\n").delimiter, '|');
  EXPECT_EQ(parse("prompt,the chosen; or better one,rejected,note; or not\n").delimiter, ',');
  EXPECT_EQ(parse("\"a;b;c\",prompt\n").delimiter, ',') << "what is quoted is one cell";
  for (const char* first : {"sep=;\n", "\"sep=;\"\r\n", "SEP=;\n"}) {
    const Table table = parse(cat(first, "a,b;c,d\n1;2\n"));
    EXPECT_EQ(table.header, (std::vector<std::string>{"a,b", "c,d"})) << first;
    ASSERT_EQ(table.rows.size(), 1U);
    EXPECT_EQ(table.rows[0].line, 3);
  }
  EXPECT_EQ(parse("a;b,c\n1;2,3\n", ";").header, (std::vector<std::string>{"a", "b,c"}));
  EXPECT_EQ(parse("a\tb\n", "tab").delimiter, '\t');
  EXPECT_TRUE(contains(input_error([] { csv_delimiter("x"); }), "--csv_delimiter: \"x\" is none of auto"));
  EXPECT_TRUE(contains(input_error([] { parse("a;b\n1;2\n", ","); }), "the header has one column, \"a;b\""));
}

TEST(Csv, BetweenSemicolonsACommaIsADecimalPoint) {
  const std::vector<Json> rows = objects("prompt;completion;score\n1,5;2,5;3,5\n");
  EXPECT_EQ(rows.at(0)["score"], 3.5);
  EXPECT_EQ(rows.at(0)["completion"], "2,5");
  EXPECT_EQ(objects("prompt,completion,score\na,b,\"3,5\"\n").at(0)["score"], "3,5");
}

TEST(Csv, RowsWithoutTextArePassedOver) {
  const Table table = parse("a,b\n,\n1,2\n , \n,\n");
  ASSERT_EQ(table.rows.size(), 1U);
  EXPECT_EQ(table.rows[0].line, 3);
}

TEST(Csv, WhatIsWrongIsNamedByLine) {
  const auto error = [](std::string_view text) { return input_error([&] { objects(text); }); };
  EXPECT_TRUE(
      contains(error("a,b\n1,2\n\"x\ny\",2\n1\n3,4\n"), "t.csv:5: 1 cells, but the header has 2 columns"));
  EXPECT_TRUE(contains(error("a,b\n1,2\n1,2,3\n"), "t.csv:3: 3 cells"));
  EXPECT_TRUE(contains(error("a,b\n1,x\"y\n"), "t.csv:2: not valid CSV"));
  EXPECT_TRUE(contains(error("a,b\n1,2\n1,\"y\n\n"), "t.csv:3: not valid CSV"));
  EXPECT_TRUE(contains(error(""), "t.csv: no header line"));
  EXPECT_TRUE(contains(error(std::string_view("a,b\n1,2\n1,\0\n", 12)), "t.csv:3: a NUL byte"));
}

}  // namespace
}  // namespace una::containers
