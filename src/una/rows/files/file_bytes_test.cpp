#include "una/rows/files/file_bytes.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include "una/base/format.h"
#include "una/base/rng.h"
#include "una/rows/files/csv.h"
#include "una/rows/files/json_array.h"
#include "una/rows/files/row_feed.h"
#include "una/rows/rows_testing.h"

namespace una::rows {
namespace {

std::string gzip(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

// Longer than the readers' blocks, packed and unpacked.
std::string long_text() {
  Rng rng(1, stream_id("file bytes"));
  std::string text;
  while (text.size() < 5'000'000) { text += cat("{\"prompt\": \"", rng.below(1'000'000'000), "\"}\n"); }
  return text;
}

std::string unpack(const std::string& name, const std::string& packed) {
  return std::string(FileBytes(write_rows(test_folder("file_bytes"), name, packed)).all());
}

TEST(FileBytes, PackedFilesReadAsTheirText) {
  const std::string text = long_text();
  EXPECT_TRUE(unpack("a.jsonl.gz", gzip(text)) == text);
  EXPECT_TRUE(unpack("a.jsonl.zst", zstd(text)) == text);
  EXPECT_TRUE(unpack("a.jsonl", text) == text);
  EXPECT_EQ(unpack("bom.gz", gzip("\xEF\xBB\xBF{}")), "{}");
  EXPECT_EQ(unpack("empty.gz", gzip("")), "");
  EXPECT_EQ(unpack("zeros.gz", gzip(std::string(3 << 20, '0'))),
            std::string(3 << 20, '0'));  // packs to little
  EXPECT_EQ(unpack("zeros.zst", zstd(std::string(3 << 20, '0'))), std::string(3 << 20, '0'));
}

TEST(FileBytes, SeveralMembersOrFramesAreOneText) {
  EXPECT_EQ(unpack("a.gz", gzip("one\n") + gzip("two\n")), "one\ntwo\n");
  EXPECT_EQ(unpack("a.zst", zstd("one\n") + zstd("two\n")), "one\ntwo\n");
}

TEST(FileBytes, DamagedAndShortFilesAreNamed) {
  for (const bool is_gzip : {true, false}) {
    const std::string packed = is_gzip ? gzip(long_text()) : zstd(long_text());
    const std::string name = is_gzip ? "b.gz" : "b.zst";
    for (const std::size_t size : {packed.size() - 1, packed.size() / 2, std::size_t{12}}) {
      const std::string error = input_error([&] { unpack(name, packed.substr(0, size)); });
      EXPECT_TRUE(contains(error, name) && contains(error, "end too early")) << size << ": " << error;
    }
    std::string damaged = packed;
    for (std::size_t i = packed.size() / 2; i < packed.size() / 2 + 200; ++i) { damaged[i] = 'x'; }
    EXPECT_TRUE(contains(input_error([&] { unpack(name, damaged); }), "are damaged at byte"));
    EXPECT_TRUE(contains(input_error([&] { unpack(name, packed + "rubbish"); }), name));
  }
}

TEST(FileBytes, ATextIsReadABlockAtATimeAndForgotten) {
  const std::string text = long_text();
  for (const std::string& packed : {gzip(text), zstd(text), text}) {
    FileBytes file(write_rows(test_folder("file_bytes_blocks"), "a", packed));
    const bool is_packed = packed.size() < text.size();
    std::string found;
    std::size_t most = 0;
    while (!file.bytes().empty() || file.more()) {
      most = std::max(most, file.bytes().size());
      const std::size_t end = file.line_end(0);
      found += file.bytes().substr(0, end);
      file.skip(end);
      const double share = static_cast<double>(found.size()) / static_cast<double>(text.size());
      ASSERT_TRUE(is_packed || std::abs(file.done(0) - share) < 1e-9);
    }
    EXPECT_TRUE(found == text);
    EXPECT_EQ(file.done(0), 1);
    EXPECT_TRUE(!is_packed || most < std::size_t{1200} << 10) << "a block and a line";
  }
}

// A line over several blocks, before it and behind it short ones, more than are handed on at once.
TEST(FileBytes, RowsAreTheSamePackedOrNotWhereverBlocksEnd) {
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
TEST(FileBytes, DamageIsToBlameBeforeTheRowsInIt) {
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

// Each of these small files unpacks to 16 MB or more.
TEST(FileBytes, ARowLongerThanTheLimitIsRefusedWithoutUnpackingIt) {
  const std::string folder = test_folder("file_bytes_limit");
  const std::string letters(std::size_t{16} << 20, 'a'), breaks(letters.size(), '\n'),
      blanks(letters.size(), ' ');
  const auto refusal = [&](const std::string& name, const std::string& text) {
    const std::string path = write_rows(folder, name, zstd(text));
    FileBytes file(path, std::size_t{1} << 20);
    std::size_t most = 0;
    const std::string error = input_error([&] {
      if (name.ends_with(".csv")) {
        CsvReader reader(file, path, ",");
        while (!reader.next(10).empty()) { most = std::max(most, file.bytes().size()); }
      } else {
        ArrayCursor cursor(file, path);
        while (!cursor.next(10).empty()) { most = std::max(most, file.bytes().size()); }
      }
    });
    EXPECT_LT(std::max(most, file.bytes().size()), std::size_t{3} << 20) << name;
    EXPECT_TRUE(contains(error, ": more than 1 MB without the end of a row")) << name << error;
    return error.substr(path.size(), 3);
  };
  EXPECT_EQ(refusal("element.json", cat("[1, {\"prompt\": \"", letters, "\"}]")), ":2:");
  EXPECT_EQ(refusal("list.json", cat("[1, [", letters, "]]")), ":2:");
  EXPECT_EQ(refusal("space.json", cat("[1,", blanks, "2]")), ":2:");
  EXPECT_EQ(refusal("cell.csv", cat("prompt\na\n\"", letters, "\"\n")), ":3:");
  EXPECT_EQ(refusal("cell_of_lines.csv", cat("prompt\na\n\"", breaks, "\"\n")), ":3:");
  EXPECT_EQ(refusal("line.csv", cat("prompt\na\n", letters, "\n")), ":3:");
  EXPECT_EQ(refusal("breaks.csv", cat("prompt\na\n", breaks)).substr(0, 1), ":");
}

TEST(FileBytes, TheLimitOfARowIsAKey) {
  const std::string long_row = cat(R"({"prompt": ")", std::string(std::size_t{3} << 20, 'a'), "\"}\n");
  DataOptions options;
  EXPECT_EQ(static_cast<std::size_t>(options.max_row_mb) << 20U, kRowBytes);
  options.dataset_name = {
      write_rows(test_folder("file_bytes_line"), "rows.jsonl", zstd("{\"prompt\": \"a\"}\n" + long_row))};
  options.max_row_mb = 2;
  EXPECT_TRUE(contains(input_error([&] { read_files(options); }), "rows.jsonl:2: more than 2 MB without"));
  options.max_row_mb = 4;
  EXPECT_EQ(read_files(options).size(), 2U);
}

TEST(FileBytes, ARowOfTheLimitIsRead) {
  const std::string folder = test_folder("file_bytes_just"), row(std::size_t{1} << 20, '1');
  const std::string array = write_rows(folder, "rows.json", zstd(cat("[", row, ",", row, "]")));
  FileBytes file(array, row.size());
  ArrayCursor cursor(file, array);
  EXPECT_EQ(cursor.next(10).size(), 2U);
  const std::string table =
      write_rows(folder, "rows.csv", zstd(cat("a\n", row.substr(1), "\n", row.substr(1), "\n")));
  FileBytes cells(table, row.size());
  CsvReader reader(cells, table, ",");
  EXPECT_EQ(reader.next(10).size(), 2U);
}

// Parsed, so many empty lists would take a gigabyte.
TEST(FileBytes, ARowOfTooManyValuesIsRefusedBeforeItIsParsed) {
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

TEST(FileBytes, AnObjectOfTooManyKeysIsRefusedBeforeItIsParsed) {
  std::string row = "{\"prompt\": \"a\"";
  for (int i = 0; i < 20'000; ++i) { row += cat(", \"k", i, "\": 0"); }
  DataOptions options;
  options.dataset_name = {write_rows(test_folder("file_bytes_keys"), "rows.jsonl", row + "}")};
  EXPECT_TRUE(contains(input_error([&] { read_files(options); }),
                       "rows.jsonl:1: more than 20000 fields in one object"));
}

TEST(FileBytes, RowsComeOutOfPackedFiles) {
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
