#include "una/containers/packing_testing.h"

#include <zlib.h>
#include <zstd.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/rng.h"

namespace una::containers {

std::string gzip(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  check(deflate(&stream, Z_FINISH) == Z_STREAM_END, "zlib: the text was not packed");
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

std::string long_text() {
  Rng rng(1, stream_id("file bytes"));
  std::string text;
  while (text.size() < 5'000'000) { text += cat("{\"prompt\": \"", rng.below(1'000'000'000), "\"}\n"); }
  return text;
}

}  // namespace una::containers
