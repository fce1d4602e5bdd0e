#include "una/rows/files/json_array.h"

#include <gtest/gtest.h>

#include "una/base/format.h"
#include "una/rows/files/row_feed.h"
#include "una/rows/rows_testing.h"

namespace una::rows {
namespace {

std::vector<std::string> elements(std::string_view text, std::size_t most) {
  const std::string path = write_rows(test_folder("json_array"), "a.json", text);
  FileBytes file(path);
  ArrayCursor cursor(file, path);
  std::vector<std::string> out;
  for (auto some = cursor.next(most); !some.empty(); some = cursor.next(most)) {
    EXPECT_LE(some.size(), most);
    out.insert(out.end(), some.begin(), some.end());
  }
  EXPECT_EQ(cursor.done(), 1);
  return out;
}

TEST(JsonArray, ElementsEndAtCommasOfTheirOwnDepth) {
  const std::vector<std::string> wanted = {R"({"a": [1, 2], "b": "],\"}\\"})", R"([ "x" ] )", "3", R"("")"};
  for (const std::size_t most : {1U, 3U, 9U}) {
    EXPECT_EQ(
        elements(cat(" [\n", wanted[0], " ,", wanted[1], ",\t", wanted[2], ",", wanted[3], "\r\n]\n"), most),
        (std::vector<std::string>{wanted[0] + " ", wanted[1], wanted[2], wanted[3] + "\r\n"}));
  }
  EXPECT_TRUE(elements("[ ]", 2).empty());
}

TEST(JsonArray, WhatIsNoArrayIsRefused) {
  for (const char* text : {"[", "[1", "[1,", "[\"1]", "[{]", "[1}]", "[1] 2", "[1]]", "[\"\\"}) {
    EXPECT_TRUE(contains(input_error([&] { elements(text, 2); }), "a.json: not a JSON array")) << text;
  }
  EXPECT_TRUE(contains(input_error([] { elements(std::string_view("[1]\0", 4), 2); }), "not a JSON array"));
}

TEST(JsonArray, ALongListIsReadAsItsLinesWouldBe) {
  const std::string folder = test_folder("json_array_long");
  std::string lines, list = "[";
  for (int i = 0; i < 2500; ++i) {
    const std::string row =
        cat(R"({"prompt": "p )", i, R"(", "completion": "[a, {", "label": true, "weight": )",
            i == 7 ? "NaN" : "0.5", "}");
    lines += row + "\n";
    list += (i == 0 ? "" : ",\n") + row;
  }
  DataOptions options;
  options.dataset_name = {write_rows(folder, "rows.jsonl", lines)};
  const std::vector<ReadRow> wanted = read_files(options);
  options.dataset_name = {write_rows(folder, "rows.json", list + "]")};
  const std::vector<ReadRow> rows = read_files(options);
  ASSERT_EQ(rows.size(), 2500U);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    ASSERT_EQ(prompt_of(rows[i]), prompt_of(wanted[i]));
    ASSERT_EQ(rows[i].example.where.line, static_cast<std::int64_t>(i) + 1);
  }
  options.max_rows = 1030;
  EXPECT_EQ(read_files(options).size(), 1030U);
  options.max_rows = 0;
  write_rows(folder, "rows.json", list + ",\n{\"prompt\" 1}]");
  EXPECT_TRUE(contains(input_error([&] { read_files(options); }),
                       "rows.json:2501: not valid JSON at column 11: syntax error"));
}

}  // namespace
}  // namespace una::rows
