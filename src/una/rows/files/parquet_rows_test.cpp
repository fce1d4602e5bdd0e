#include "una/containers/parquet_rows.h"

#include <gtest/gtest.h>

#include "una/rows/files/row_feed.h"
#include "una/rows/rows_testing.h"

namespace una::rows {
namespace {

std::string fixture(const std::string& name) {
  return std::string(UNA_PARQUET_FIXTURES) + "/" + name + ".parquet";
}

DataOptions reading(const std::string& path) {
  DataOptions options;
  options.dataset_name = {path};
  return options;
}

#if UNA_PARQUET

TEST(ParquetRows, EveryCodecGivesTheRowsOfAMixedTableWithoutItsNulls) {
  for (const char* codec : {"none", "snappy", "gzip", "zstd"}) {
    const std::vector<ReadRow> rows = read_files(reading(fixture(codec)));
    ASSERT_EQ(rows.size(), 3U) << codec;
    EXPECT_EQ(std::string(rows[0].shape), "TRL pair (conversational)");
    EXPECT_EQ(prompt_of(rows[0]), "user:Hello");
    EXPECT_EQ(answer_of(rows[0], 0), "assistant:Hi, \xC3\xBC \xF0\x9F\x98\x80");
    EXPECT_EQ(std::string(rows[1].shape), "messages");
    EXPECT_EQ(answer_of(rows[1], 0), "assistant:a");
    EXPECT_EQ(std::string(rows[2].shape), "text");
    EXPECT_EQ(answer_of(rows[2], 0), "a \"quoted\"\nline");
    EXPECT_EQ(rows[2].example.where.line, 3);
    EXPECT_EQ(rows[2].example.source, codec);
  }
}

TEST(ParquetRows, ManyRowGroupsAreReadInOrderAndMaxRowsStops) {
  DataOptions options = reading(fixture("many"));
  const std::vector<ReadRow> rows = read_files(options);
  ASSERT_EQ(rows.size(), 2500U);
  for (const std::size_t i : {std::size_t{0}, std::size_t{1023}, std::size_t{1024}, std::size_t{2499}}) {
    EXPECT_EQ(prompt_of(rows[i]), "p" + std::to_string(i));
    EXPECT_EQ(rows[i].example.responses[0].label, i % 2 == 0);
    EXPECT_EQ(rows[i].example.where.line, static_cast<std::int64_t>(i) + 1);
  }
  options.max_rows = 1500;
  EXPECT_EQ(read_files(options).size(), 1500U);
  options.max_rows = 0;
  options.dataset_train_split = "train[2490:]";
  EXPECT_EQ(prompt_of(read_files(options)[0]), "p2490");
}

// Programs that do not say which bytes are text; arrow's JSON has bytes in hex.
TEST(ParquetRows, BytesThatAreUtf8AreTextWhereverTheyStand) {
  const std::vector<ReadRow> rows = read_files(reading(fixture("bytes")));
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(prompt_of(rows[0]), "user:Hello \xC3\xBC");
  EXPECT_EQ(answer_of(rows[0], 0), "assistant:Hi");
  EXPECT_EQ(prompt_of(rows[1]), "p");
  EXPECT_EQ(answer_of(rows[1], 0), "c");
  EXPECT_TRUE(rows[0].unread.empty() && rows[1].unread.empty()) << "an image is null";
}

TEST(ParquetRows, APackerThatIsNotReadIsNamed) {
  EXPECT_TRUE(
      contains(input_error([&] { read_files(reading(fixture("brotli"))); }),
               "brotli.parquet: its columns are packed by brotli, which una does not read; save it with "
               "snappy, gzip or zstd"));
}

TEST(ParquetRows, ADamagedFileIsNamed) {
  const std::string folder = test_folder("parquet");
  const std::string good = read_file(fixture("many"));
  const std::string shorter = write_rows(folder, "short.parquet", good.substr(0, good.size() / 2));
  EXPECT_TRUE(contains(input_error([&] { read_files(reading(shorter)); }),
                       "short.parquet: not a readable Parquet file ("));
  std::string turned = good;
  for (std::size_t i = 100; i < 160; ++i) { turned[i] = static_cast<char>(~turned[i]); }
  const std::string torn = write_rows(folder, "torn.parquet", turned);
  EXPECT_TRUE(contains(input_error([&] { read_files(reading(torn)); }), "torn.parquet: "));
}

#else

TEST(ParquetRows, ABuildWithoutParquetSaysWhatToDo) {
  EXPECT_TRUE(contains(input_error([&] { read_files(reading(fixture("many"))); }), "write it as JSONL"));
}

#endif

}  // namespace
}  // namespace una::rows
