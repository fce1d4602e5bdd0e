#include "una/containers/file_bytes.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "una/base/format.h"
#include "una/containers/containers_testing.h"
#include "una/containers/csv.h"
#include "una/containers/json_array.h"
#include "una/containers/packing_testing.h"

namespace una::containers {
namespace {

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

}  // namespace
}  // namespace una::containers
