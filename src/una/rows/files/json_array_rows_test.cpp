#include <gtest/gtest.h>

#include "una/base/format.h"
#include "una/rows/files/row_feed.h"
#include "una/rows/rows_testing.h"

namespace una::rows {
namespace {

TEST(JsonArrayRows, ALongListIsReadAsItsLinesWouldBe) {
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
