#include "una/data/file_bytes.h"

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include "una/base/format.h"
#include "una/base/rng.h"
#include "una/data/row_feed.h"
#include "una/data/test_support.h"

namespace una::data {
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
  while (text.size() < 5'000'000) text += cat("{\"prompt\": \"", rng.below(1'000'000'000), "\"}\n");
  return text;
}

std::string unpack(const std::string& name, const std::string& packed) {
  return std::string(detail::FileBytes(write_rows(test_folder("file_bytes"), name, packed)).bytes());
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
    for (std::size_t i = packed.size() / 2; i < packed.size() / 2 + 200; ++i) damaged[i] = 'x';
    EXPECT_TRUE(contains(input_error([&] { unpack(name, damaged); }), "are damaged at byte"));
    EXPECT_TRUE(contains(input_error([&] { unpack(name, packed + "rubbish"); }), name));
  }
}

TEST(FileBytes, RowsComeOutOfPackedFiles) {
  const std::string folder = test_folder("file_bytes_rows");
  DataOptions options;
  options.dataset_name = {
      write_rows(folder, "rows.jsonl.gz", gzip("{\"prompt\": \"a\"}\n{\"prompt\": \"b\"}\n")),
      write_rows(folder, "list.json.zst", zstd("[{\"prompt\": \"c\"}]"))};
  const std::vector<detail::ReadRow> rows = detail::read_files(options);
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[1].example.prompt.plain, "b");
  EXPECT_EQ(rows[1].example.where.line, 2);
  EXPECT_EQ(rows[1].example.source, "rows");
  EXPECT_EQ(rows[2].example.source, "list");
  const std::string parquet = write_rows(folder, "rows.parquet", "PAR1\x15\x04");
  options.dataset_name = {parquet};
  EXPECT_TRUE(contains(input_error([&] { detail::read_files(options); }), "rows.parquet: "));
}

}  // namespace
}  // namespace una::data
