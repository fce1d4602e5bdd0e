#include "una/rows/files/split.h"

#include <gtest/gtest.h>

#include "una/rows/files/row_feed.h"
#include "una/rows/rows_testing.h"

namespace una::rows {
namespace {

using Slice = std::pair<std::int64_t, std::int64_t>;

TEST(Split, SlicesAreHuggingFacesOwn) {
  EXPECT_EQ(slice_of("train", 10), Slice(0, 10));
  EXPECT_EQ(slice_of("train[:90%]", 11), Slice(0, 10));  // 9.9 rows: the nearest
  EXPECT_EQ(slice_of("train[90%:]", 11), Slice(10, 11));
  EXPECT_EQ(slice_of("train[-2:]", 11), Slice(9, 11));
  EXPECT_EQ(slice_of("train[-10%:]", 20), Slice(18, 20));
  EXPECT_EQ(slice_of("train[3:500]", 11), Slice(3, 11));
  EXPECT_EQ(slice_of("train[ 25% : 50% ]", 8), Slice(2, 4));
}

TEST(Split, AnotherFormAndAnEmptySliceAreErrors) {
  for (const char* bad :
       {"train[", "train[1]", "train[a:]", "train[:5x]", "train[:101%]", "[1:2]", "train[1:2]x"}) {
    EXPECT_TRUE(contains(input_error([&] { slice_of(bad, 10); }), "is not understood")) << bad;
  }
  EXPECT_TRUE(contains(input_error([] { slice_of("train[5:5]", 10); }), "leaves none of the 10 rows"));
}

TEST(Split, PartsOfAFileHaveNoRowInCommon) {
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
