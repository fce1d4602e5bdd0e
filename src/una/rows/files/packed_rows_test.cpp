#include <gtest/gtest.h>

#include "una/base/format.h"
#include "una/containers/file_bytes.h"
#include "una/containers/packing_testing.h"
#include "una/rows/files/row_feed.h"
#include "una/rows/rows_testing.h"

namespace una::rows {
namespace {

using containers::gzip;
using containers::long_text;
using containers::zstd;

// A line over several blocks, before it and behind it short ones, more than are handed on at once.
TEST(PackedRows, RowsAreTheSamePackedOrNotWhereverBlocksEnd) {
  const std::string folder = test_folder("file_bytes_lines");
  std::string text = "\xEF\xBB\xBF", answer(3'000'000, 'x');
  for (int i = 0; i < 3000; ++i) {
    text += cat("{\"prompt\": \"p", i, "\", \"completion\": \"", i == 1500 ? answer : "y", "\"}\n",
                i % 7 == 0 ? "\n" : "");
  }
  text.pop_back();
  DataOptions options;
  options.dataset_name = {write_rows(folder, "a.jsonl", text)};
  const std::vector<ReadRow> wanted = read_files(options);
  ASSERT_EQ(wanted.size(), 3000U);
  for (const std::string name : {"b.jsonl.gz", "b.jsonl.zst"}) {
    options.dataset_name = {write_rows(folder, name, name.ends_with("gz") ? gzip(text) : zstd(text))};
    const std::vector<ReadRow> rows = read_files(options);
    ASSERT_EQ(rows.size(), 3000U);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      ASSERT_EQ(rows[i].example.where.line, wanted[i].example.where.line) << i;
      ASSERT_EQ(prompt_of(rows[i]), cat("p", i));
      ASSERT_TRUE(answer_of(rows[i], 0) == answer_of(wanted[i], 0)) << i;
    }
  }
}

// Bytes that unpack to other ones are seen by the checksum at the end, long after a row that cannot be read.
TEST(PackedRows, DamageIsToBlameBeforeTheRowsInIt) {
  const std::string folder = test_folder("file_bytes_blame"), rows = long_text();
  DataOptions options;
  for (const std::string name : {"rows.jsonl.gz", "rows.csv.gz"}) {
    std::string packed = gzip(cat("prompt\n", name == "rows.csv.gz" ? "a\"\n" : "{", rows));
    options.dataset_name = {write_rows(folder, name, packed)};
    EXPECT_TRUE(contains(input_error([&] { read_files(options); }), cat(name, ":"))) << "a bad row";
    packed[packed.size() - 8] ^= 1;  // of the checksum
    write_rows(folder, name, packed);
    const std::string error = input_error([&] { read_files(options); });
    EXPECT_TRUE(contains(error, cat(name, ": the gzip data are damaged at byte"))) << error;
    packed.resize(packed.size() - 100);
    write_rows(folder, name, packed);
    EXPECT_TRUE(contains(input_error([&] { read_files(options); }), "end too early"));
  }
}

TEST(PackedRows, TheLimitOfARowIsAKey) {
  const std::string long_row = cat(R"({"prompt": ")", std::string(std::size_t{3} << 20, 'a'), "\"}\n");
  DataOptions options;
  EXPECT_EQ(static_cast<std::size_t>(options.max_row_mb) << 20U, containers::kRowBytes);
  options.dataset_name = {
      write_rows(test_folder("file_bytes_line"), "rows.jsonl", zstd("{\"prompt\": \"a\"}\n" + long_row))};
  options.max_row_mb = 2;
  EXPECT_TRUE(contains(input_error([&] { read_files(options); }), "rows.jsonl:2: more than 2 MB without"));
  options.max_row_mb = 4;
  EXPECT_EQ(read_files(options).size(), 2U);
}

// Parsed, so many empty lists would take a gigabyte.
TEST(PackedRows, ARowOfTooManyValuesIsRefusedBeforeItIsParsed) {
  std::string lists = "[";
  for (int i = 0; i < 11'000'000; ++i) { lists += "[],"; }
  lists += "[]]";
  const std::string folder = test_folder("file_bytes_values");
  DataOptions options;
  options.dataset_name = {write_rows(folder, "rows.jsonl", cat("{\"prompt\": \"a\", \"x\": ", lists, "}"))};
  EXPECT_TRUE(contains(input_error([&] { read_files(options); }), "rows.jsonl:1: more than 10000000 values"));
  options.dataset_name = {write_rows(folder, "rows.json", lists)};
  EXPECT_TRUE(contains(input_error([&] { read_files(options); }), "rows.json:1: "));
}

TEST(PackedRows, AnObjectOfTooManyKeysIsRefusedBeforeItIsParsed) {
  std::string row = "{\"prompt\": \"a\"";
  for (int i = 0; i < 20'000; ++i) { row += cat(", \"k", i, "\": 0"); }
  DataOptions options;
  options.dataset_name = {write_rows(test_folder("file_bytes_keys"), "rows.jsonl", row + "}")};
  EXPECT_TRUE(contains(input_error([&] { read_files(options); }),
                       "rows.jsonl:1: more than 20000 fields in one object"));
}

TEST(PackedRows, RowsComeOutOfPackedFiles) {
  const std::string folder = test_folder("file_bytes_rows");
  DataOptions options;
  options.dataset_name = {
      write_rows(folder, "rows.jsonl.gz", gzip("{\"prompt\": \"a\"}\n{\"prompt\": \"b\"}\n")),
      write_rows(folder, "list.json.zst", zstd("[{\"prompt\": \"c\"}]"))};
  const std::vector<ReadRow> rows = read_files(options);
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[1].example.prompt.plain, "b");
  EXPECT_EQ(rows[1].example.where.line, 2);
  EXPECT_EQ(rows[1].example.source, "rows");
  EXPECT_EQ(rows[2].example.source, "list");
  const std::string parquet = write_rows(folder, "rows.parquet", "PAR1\x15\x04");
  options.dataset_name = {parquet};
  EXPECT_TRUE(contains(input_error([&] { read_files(options); }), "rows.parquet: "));
}

}  // namespace
}  // namespace una::rows
