#include "una/data/file_bytes.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>

#include <zlib.h>
#include <zstd.h>

#include "una/base/error.h"
#include "una/base/format.h"

namespace una::data::detail {
namespace {

constexpr std::string_view kGzip = "\x1F\x8B", kZstd = "\x28\xB5\x2F\xFD", kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::size_t kBlock = std::size_t{1} << 20;

[[noreturn]] void damaged(const std::string& path, const char* format, std::size_t byte) {
  throw InputError(cat(path, ": the ", format, " data are damaged at byte ", byte, "; fetch the file again"));
}

[[noreturn]] void cut_short(const std::string& path, const char* format) {
  throw InputError(cat(path, ": the ", format, " data end too early; fetch the file again"));
}

// Members one behind the other (gzip allows it) count as one file.
class Gunzip {
 public:
  Gunzip(std::string_view packed, const std::string& path) : packed_(packed), path_(path) {
    check(inflateInit2(&stream_, 15 + 16) == Z_OK, "zlib: no memory for a gzip reader");  // 16: gzip's header
  }
  ~Gunzip() { inflateEnd(&stream_); }
  Gunzip(const Gunzip&) = delete;
  Gunzip& operator=(const Gunzip&) = delete;

  std::string all() {
    while (used_ < packed_.size() || state_ != Z_STREAM_END) {
      if (state_ == Z_STREAM_END) inflateReset(&stream_);
      const std::size_t before = used_ + out_.size();
      step();
      if (state_ == Z_BUF_ERROR || (state_ == Z_OK && used_ + out_.size() == before))
        cut_short(path_, "gzip");
      if (state_ != Z_OK && state_ != Z_STREAM_END) damaged(path_, "gzip", used_);
    }
    return std::move(out_);
  }

 private:
  void step() {
    const std::size_t old = out_.size();
    out_.resize(old + kBlock);
    const std::size_t given = std::min(packed_.size() - used_, kBlock);
    // zlib's input is not const, but it only reads
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed_.data() + used_));
    stream_.avail_in = static_cast<uInt>(given);
    stream_.next_out = reinterpret_cast<Bytef*>(out_.data() + old);
    stream_.avail_out = static_cast<uInt>(kBlock);
    state_ = inflate(&stream_, Z_NO_FLUSH);
    used_ += given - stream_.avail_in;
    out_.resize(out_.size() - stream_.avail_out);
  }

  z_stream stream_{};
  std::string_view packed_;
  const std::string& path_;
  std::string out_;
  std::size_t used_ = 0;
  int state_ = Z_OK;
};

// Frames one behind the other count as one file.
std::string unzstd(std::string_view packed, const std::string& path) {
  const std::unique_ptr<ZSTD_DStream, std::size_t (*)(ZSTD_DStream*)> stream(ZSTD_createDStream(),
                                                                             ZSTD_freeDStream);
  check(stream != nullptr, "zstd: no memory for a reader");
  std::string out;
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  std::size_t wanted = 1;  // 0: a frame has ended and all of it was written
  while (in.pos < in.size || wanted != 0) {
    const std::size_t old = out.size(), before = in.pos;
    out.resize(old + kBlock);
    ZSTD_outBuffer room{out.data() + old, kBlock, 0};
    wanted = ZSTD_decompressStream(stream.get(), &room, &in);
    if (ZSTD_isError(wanted) != 0) damaged(path, "zstd", in.pos);
    out.resize(old + room.pos);
    if (in.pos == in.size && wanted != 0 && room.pos == 0 && in.pos == before) cut_short(path, "zstd");
  }
  return out;
}

}  // namespace

FileBytes::FileBytes(const std::string& path) : file_(path), bytes_(file_.bytes()) {
  if (starts_with(bytes_, kGzip)) {
    unpacked_ = Gunzip(bytes_, path).all();
    bytes_ = unpacked_;
  } else if (starts_with(bytes_, kZstd)) {
    unpacked_ = unzstd(bytes_, path);
    bytes_ = unpacked_;
  }
  if (starts_with(bytes_, kByteOrderMark)) bytes_.remove_prefix(kByteOrderMark.size());
}

std::string unpacked_name(const std::string& path) {
  const std::filesystem::path name = std::filesystem::path(path).filename();
  const bool packed = name.extension() == ".gz" || name.extension() == ".zst";
  return (packed ? name.stem() : name).string();
}

}  // namespace una::data::detail
