#include "una/data/row_store.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "una/base/error.h"
#include "una/base/files/file_at.h"
#include "una/base/format.h"
#include "una/base/hash.h"
#include "una/base/json.h"
#include "una/base/json_line.h"
#include "una/data/report_json.h"
#include "una/data/row_summary.h"

namespace una::data::detail {
namespace {

constexpr std::uint64_t kMagic = 0x3153574F52414E55;  // "UNAROWS1", first byte lowest

struct RecordHead {
  std::uint32_t size = 0;
  std::uint32_t check = 0;  // low half of the hash of the bytes
};

struct End {
  std::uint64_t places = 0, rows = 0;  // where the places begin, how many
  std::uint64_t text = 0, text_size = 0, text_check = 0;
  std::uint64_t magic = kMagic;
};

std::uint32_t low_half(std::string_view bytes) { return static_cast<std::uint32_t>(hash_u64(bytes)); }

std::string damaged(const std::string& path) {
  return cat("the row cache ", path, " is damaged: remove it, it will be made again");
}

Row read_record(const FileAt& file, std::uint64_t offset, const NameTable& names, const std::string& path) {
  RecordHead head;
  file.read(offset, &head, sizeof head);
  const std::string bytes = file.read(offset + sizeof head, head.size);
  check_input(low_half(bytes) == head.check, damaged(path));
  return decode_row(bytes, names, cat("the row cache ", path));
}

class StoredDataset final : public Dataset {
 public:
  StoredDataset(const std::string& path, std::string& dropped) : path_(path), file_(path) {
    check_input(file_.size() >= sizeof(std::uint64_t) + sizeof(End), damaged(path));
    file_.read(file_.size() - sizeof(End), &end_, sizeof end_);
    check_input(end_.magic == kMagic && end_.text_size <= file_.size(), damaged(path));
    const std::string text = file_.read(end_.text, end_.text_size);
    check_input(hash_u64(text) == end_.text_check, damaged(path));
    const Json json = parse_json(text, path);
    report_ = read_report(json.at("report"), path);
    hash_ = json.at("content_hash").get<std::string>();
    names_ = NameTable(json.at("files").get<std::vector<std::string>>());
    dropped = json.at("dropped").get<std::string>();
  }

  std::int64_t size() const override { return static_cast<std::int64_t>(end_.rows); }

  Row row(std::int64_t index) const override {
    check(index >= 0 && index < size(), "Dataset::row: index out of range");
    std::uint64_t offset = 0;
    file_.read(end_.places + static_cast<std::uint64_t>(index) * sizeof offset, &offset, sizeof offset);
    Row row = read_record(file_, offset, names_, path_);
    row.index = index;
    return row;
  }

  const rows::ReadReport& report() const override { return report_; }
  std::string content_hash() const override { return hash_; }

 private:
  std::string path_;
  FileAt file_;
  End end_;
  rows::ReadReport report_;
  std::string hash_;
  NameTable names_;
};

}  // namespace

RowStoreWriter::RowStoreWriter(const std::string& path) : path_(path), out_(path, std::ios::binary) {
  check_written();
  put(&kMagic, sizeof kMagic);
}

void RowStoreWriter::check_written() {
  check_input(static_cast<bool>(out_), "cannot write the row cache ", path_, ": ", std::strerror(errno),
              "; give another --dataset_cache_dir, or none");
}

void RowStoreWriter::put(const void* bytes, std::size_t count) {
  out_.write(static_cast<const char*>(bytes), static_cast<std::streamsize>(count));
  check_written();
  size_ += count;
}

void RowStoreWriter::add(std::int64_t slot, const Row& row) {
  const std::string bytes = encode_row(row, files_);
  check(bytes.size() <= UINT32_MAX, "a row of over 4 GB");
  entries_.push_back({slot, size_});
  const RecordHead head{static_cast<std::uint32_t>(bytes.size()), low_half(bytes)};
  put(&head, sizeof head);
  put(bytes.data(), bytes.size());
}

std::string RowStoreWriter::summarise(rows::ReadReport& report) const {
  const FileAt file(path_);
  RowSummary summary;
  for (const Entry& entry : entries_) { summary.add(read_record(file, entry.offset, files_, path_)); }
  return summary.finish(report);
}

void RowStoreWriter::finish(rows::ReadReport report, const std::string& dropped) {
  std::stable_sort(entries_.begin(), entries_.end(),
                   [](const Entry& a, const Entry& b) { return a.slot < b.slot; });
  out_.flush();
  check_written();
  const std::string hash = summarise(report);
  End end;
  end.places = size_;
  end.rows = entries_.size();
  for (const Entry& entry : entries_) { put(&entry.offset, sizeof entry.offset); }
  const std::string text = dump_json(Json{{"report", report_json(report)},
                                          {"content_hash", hash},
                                          {"files", files_.names()},
                                          {"dropped", dropped}});
  end.text = size_;
  end.text_size = text.size();
  end.text_check = hash_u64(text);
  put(text.data(), text.size());
  put(&end, sizeof end);
  out_.close();
  check_written();
}

StoredRows open_row_store(const std::string& path) {
  StoredRows out;
  out.dataset = std::make_unique<StoredDataset>(path, out.dropped);
  return out;
}

}  // namespace una::data::detail
