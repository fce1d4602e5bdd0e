#include "una/containers/file_bytes.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>

#include <zlib.h>
#include <zstd.h>

#include "una/base/error.h"
#include "una/base/format.h"

namespace una::containers {
namespace {

constexpr std::string_view kGzip = "\x1F\x8B", kZstd = "\x28\xB5\x2F\xFD", kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::size_t kBlock = std::size_t{1} << 20;

[[noreturn]] void damaged(const std::string& path, const char* format, std::size_t byte) {
  throw InputError(cat(path, ": the ", format, " data are damaged at byte ", byte, "; fetch the file again"));
}

[[noreturn]] void cut_short(const std::string& path, const char* format) {
  throw InputError(cat(path, ": the ", format, " data end too early; fetch the file again"));
}

}  // namespace

class Unpacker {
 public:
  virtual ~Unpacker() = default;
  virtual std::size_t unpack(char* out, std::size_t room) = 0;  // bytes written: `room`, or less at the end
  virtual double done() const = 0;                              // share of the packed bytes
};

namespace {

// Members one behind the other (gzip allows it) count as one file.
class Gunzip final : public Unpacker {
 public:
  Gunzip(std::string_view packed, std::string path) : packed_(packed), path_(std::move(path)) {
    check(inflateInit2(&stream_, 15 + 16) == Z_OK, "zlib: no memory for a gzip reader");  // 16: gzip's header
  }
  ~Gunzip() override { inflateEnd(&stream_); }
  Gunzip(const Gunzip&) = delete;
  Gunzip& operator=(const Gunzip&) = delete;

  std::size_t unpack(char* out, std::size_t room) override {
    std::size_t written = 0;
    while (written < room && (used_ < packed_.size() || state_ != Z_STREAM_END)) {
      if (state_ == Z_STREAM_END) { inflateReset(&stream_); }
      const std::size_t used = used_, step_written = step(out + written, room - written);
      written += step_written;
      if (state_ == Z_BUF_ERROR || (state_ == Z_OK && used_ == used && step_written == 0)) {
        cut_short(path_, "gzip");
      }
      if (state_ != Z_OK && state_ != Z_STREAM_END) { damaged(path_, "gzip", used_); }
    }
    return written;
  }
  double done() const override { return static_cast<double>(used_) / static_cast<double>(packed_.size()); }

 private:
  std::size_t step(char* out, std::size_t room) {
    const std::size_t given = std::min(packed_.size() - used_, kBlock);
    // zlib's input is not const, but it only reads
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed_.data() + used_));
    stream_.avail_in = static_cast<uInt>(given);
    stream_.next_out = reinterpret_cast<Bytef*>(out);
    stream_.avail_out = static_cast<uInt>(room);
    state_ = inflate(&stream_, Z_NO_FLUSH);
    used_ += given - stream_.avail_in;
    return room - stream_.avail_out;
  }

  z_stream stream_{};
  std::string_view packed_;
  std::string path_;
  std::size_t used_ = 0;
  int state_ = Z_OK;
};

// Frames one behind the other count as one file.
class Unzstd final : public Unpacker {
 public:
  Unzstd(std::string_view packed, std::string path)
      : stream_(ZSTD_createDStream(), ZSTD_freeDStream),
        in_{packed.data(), packed.size(), 0},
        path_(std::move(path)) {
    check(stream_ != nullptr, "zstd: no memory for a reader");
  }

  std::size_t unpack(char* out, std::size_t room) override {
    ZSTD_outBuffer written{out, room, 0};
    while (written.pos < room && (in_.pos < in_.size || wanted_ != 0)) {
      const std::size_t in_before = in_.pos, before = written.pos;
      wanted_ = ZSTD_decompressStream(stream_.get(), &written, &in_);
      if (ZSTD_isError(wanted_) != 0) { damaged(path_, "zstd", in_.pos); }
      if (wanted_ != 0 && in_.pos == in_.size && in_.pos == in_before && written.pos == before) {
        cut_short(path_, "zstd");
      }
    }
    return written.pos;
  }
  double done() const override { return static_cast<double>(in_.pos) / static_cast<double>(in_.size); }

 private:
  std::unique_ptr<ZSTD_DStream, std::size_t (*)(ZSTD_DStream*)> stream_;
  ZSTD_inBuffer in_;
  std::string path_;
  std::size_t wanted_ = 1;  // 0: a frame has ended and all of it was written
};

std::unique_ptr<Unpacker> unpacker_of(std::string_view bytes, const std::string& path) {
  if (starts_with(bytes, kGzip)) { return std::make_unique<Gunzip>(bytes, path); }
  if (starts_with(bytes, kZstd)) { return std::make_unique<Unzstd>(bytes, path); }
  return nullptr;
}

}  // namespace

FileBytes::FileBytes(const std::string& path, std::size_t row_bytes)
    : path_(path), row_bytes_(row_bytes), file_(path), unpacker_(unpacker_of(file_.bytes(), path)) {
  if (unpacker_ == nullptr) { bytes_ = file_.bytes(); }
  more();
  if (starts_with(bytes_, kByteOrderMark)) { skip(kByteOrderMark.size()); }
}

FileBytes::~FileBytes() = default;

bool FileBytes::more() {
  if (unpacker_ == nullptr || ended_) { return false; }
  unpacked_.erase(0, unpacked_.size() - bytes_.size());
  const std::size_t old = unpacked_.size();
  unpacked_.resize(old + kBlock);
  ended_ = true;
  const std::size_t added = unpacker_->unpack(unpacked_.data() + old, kBlock);
  ended_ = added < kBlock;
  unpacked_.resize(old + added);
  bytes_ = unpacked_;
  file_.release_pages();
  return added > 0;
}

void FileBytes::skip(std::size_t count) {
  bytes_.remove_prefix(count);
  touched_ += count;
  if (unpacker_ != nullptr || touched_ < kBlock) { return; }
  touched_ = 0;
  file_.release_pages();
}

std::string_view FileBytes::all() {
  while (more()) { continue; }
  return bytes_;
}

void FileBytes::check_rest() {
  constexpr std::size_t kMost = std::size_t{4} << 30;
  std::size_t read = 0;
  do {
    read += bytes_.size();
    skip(bytes_.size());
  } while (read < kMost && more());
}

std::size_t FileBytes::line_end(std::size_t from) {
  const std::size_t last = from + row_bytes_ + 1;
  for (;;) {
    const std::size_t newline = bytes_.substr(0, last).find('\n', from);
    if (newline != bytes_.npos) { return newline + 1; }
    from = std::min(bytes_.size(), last);
    if (from == last || !more()) { return from; }
  }
}

void FileBytes::refuse_row(std::int64_t row) const {
  throw InputError(
      cat(path_, ":", row, ": more than ", row_bytes_ >> 20U,
          " MB without the end of a row; is a line break missing, or a quote not closed? (--max_row_mb)"));
}

double FileBytes::done(std::size_t ahead) const {
  if (unpacker_ != nullptr) { return unpacker_->done(); }
  return 1 - static_cast<double>(bytes_.size() - ahead) /
                 static_cast<double>(std::max<std::size_t>(file_.size(), 1));
}

std::string unpacked_name(const std::string& path) {
  const std::filesystem::path name = std::filesystem::path(path).filename();
  const bool packed = name.extension() == ".gz" || name.extension() == ".zst";
  return (packed ? name.stem() : name).string();
}

}  // namespace una::containers
