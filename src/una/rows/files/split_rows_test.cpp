#include <gtest/gtest.h>

#include "una/rows/files/row_feed.h"
#include "una/rows/rows_testing.h"

namespace una::rows {
namespace {

TEST(SplitRows, PartsOfAFileHaveNoRowInCommon) {
  std::string text;
  for (int i = 0; i < 10; ++i) { text += "{\"prompt\": \"" + std::to_string(i) + "\"}\n"; }
  DataOptions options;
  options.dataset_name = {write_rows(test_folder("split"), "a.jsonl", text)};
  options.dataset_train_split = "train[:80%]";
  EXPECT_EQ(prompt_of(read_files(options).back()), "7");
  options.dataset_train_split = "train[80%:]";
  const std::vector<ReadRow> rest = read_files(options);
  ASSERT_EQ(rest.size(), 2U);
  EXPECT_EQ(prompt_of(rest[0]), "8");
  EXPECT_EQ(rest[0].example.where.line, 9);
  options.max_rows = 1;  // of the slice
  EXPECT_EQ(read_files(options).size(), 1U);
}

}  // namespace
}  // namespace una::rows
