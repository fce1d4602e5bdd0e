#include "una/report/trackers/wandb_folder.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <exception>
#include <filesystem>

#include "una/base/clock.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/hash.h"
#include "una/base/json.h"
#include "una/base/log.h"
#include "una/base/options.h"
#include "una/base/os/host.h"
#include "una/report/trackers/wire_format.h"

namespace una::report {
namespace {
namespace fs = std::filesystem;

// wandb_internal.proto: fields of Record.
enum RecordField : std::uint8_t {
  kNumber = 1,
  kHistory = 2,
  kSummary = 3,
  kMetric = 12,
  kRun = 17,
  kExit = 18,
  kHeader = 21
};
constexpr unsigned kKey = 1, kValueJson = 16;  // of the items of configuration, summary and history

// The file begins with ":W&B", 0xBEE1 and a version; then blocks of LevelDB's log: u32 CRC (zlib's, of type and data), u16
// length, u8 type. A fragment does not cross a block, and a rest of fewer than seven bytes is zeros.
constexpr std::size_t kFileHead = 7, kBlock = 32768, kChunkHead = 7;
enum ChunkType : std::uint8_t { kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };
constexpr std::uint64_t kFirstRecords = 3, kRecordsOfRow = 2;  // header, run, metric; summary and history

std::string file_head() {
  std::string out = ":W&B";
  put_bytes(out, std::uint16_t{0xBEE1});
  put_bytes(out, std::uint8_t{0});
  return out;
}

std::string in_chunks(std::string_view record, std::uint64_t position) {
  std::string out;
  bool first = true;
  do {
    const std::size_t left = kBlock - (position + out.size()) % kBlock;
    if (left < kChunkHead) {
      out.append(left, '\0');
      continue;
    }
    const std::string_view part = record.substr(0, left - kChunkHead);
    record.remove_prefix(part.size());
    const ChunkType type = record.empty() ? (first ? kFull : kLast) : (first ? kFirst : kMiddle);
    first = false;
    const std::string body = static_cast<char>(type) + std::string(part);
    put_bytes(out, crc32(body, kZlib));
    put_bytes(out, static_cast<std::uint16_t>(part.size()));
    out += body;
  } while (first || !record.empty());
  return out;
}

// Where the record of this number (from 1) ends; 0 where the file has fewer whole ones.
std::uint64_t end_of_record(std::string_view file, std::uint64_t number) {
  std::size_t at = kFileHead;
  while (number > 0) {
    const std::size_t left = kBlock - at % kBlock;
    if (left < kChunkHead) {
      at += left;
      continue;
    }
    if (at + kChunkHead > file.size()) { return 0; }
    const std::size_t length =
        static_cast<unsigned char>(file[at + 4]) | static_cast<unsigned char>(file[at + 5]) << 8U;
    const auto type = static_cast<unsigned char>(file[at + 6]);
    at += kChunkHead + length;
    if (at > file.size()) { return 0; }
    number -= type == kFull || type == kLast ? 1 : 0;
  }
  return at;
}

// The bytes of the newest run's file in the folder; its path is "" without.
std::string newest_run(const std::string& folder) {
  std::string newest;
  if (!is_folder(folder)) { return newest; }
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".wandb") { newest = std::max(newest, entry.path().string()); }
  }
  return newest;
}

// A key of run.yaml as JSON: numbers and booleans as they are, all else a string.
std::string json_value(const std::string& text) {
  const Json value = Json::parse(text, nullptr, false);
  const bool plain = !value.is_discarded() && (value.is_number() || value.is_boolean() || value.is_null());
  return plain ? text : Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

// W&B writes the numbers that JSON does not have as strings.
std::string json_number(double value) {
  if (std::isnan(value)) { return "\"NaN\""; }
  if (std::isinf(value)) { return value > 0 ? "\"Infinity\"" : "\"-Infinity\""; }
  return Json(value).dump();
}

void put_item(std::string& out, const std::string& key, const std::string& json) {
  std::string item;
  put_field(item, kKey, key);
  put_field(item, kValueJson, json);
  put_field(out, 1, item);
}

std::string header_message() {
  std::string version, out;
  put_field(version, 1, "una");
  put_field(version, 2, "0.13.0");  // the oldest SDK that reads these records
  put_field(out, 1, version);
  return out;
}

std::string run_message(const WandbFolder::Options& options, const std::string& id, double start) {
  std::string config, time, out;
  for (const auto& [key, text] : options.params) { put_item(config, key, json_value(text)); }
  const double seconds = std::floor(start);
  put_number(time, 1, static_cast<std::uint64_t>(seconds));
  put_number(time, 2, static_cast<std::uint64_t>((start - seconds) * 1e9));
  put_field(out, 1, id);
  put_field(out, 3, options.project);
  put_field(out, 4, config);
  put_field(out, 8, options.run_name);
  put_field(out, 13, host_name());
  put_field(out, 17, time);
  return out;
}

// Every name is plotted over the trainer's step, which each row holds.
std::string metric_message() {
  std::string metric_options, out;
  put_number(metric_options, 1, 1);  // step_sync
  put_field(out, 2, "*");            // glob_name
  put_field(out, 4, "train/global_step");
  put_field(out, 6, metric_options);
  return out;
}

std::string local_time() {
  const auto now = static_cast<std::time_t>(unix_seconds());
  std::tm parts{};
  ::localtime_r(&now, &parts);
  std::array<char, 40> buffer{};
  std::strftime(buffer.data(), buffer.size(), "%Y%m%d_%H%M%S", &parts);
  return buffer.data();
}

// FOLDER/offline-run-<date>_<time>-ID/run-ID.wandb, with the folders that the SDK makes.
std::string new_path(const std::string& folder, double start) {
  const std::string id = hash_hex(cat(fs::absolute(folder).string(), start, host_name())).substr(0, 8);
  const std::string run = cat(folder, "/offline-run-", local_time(), "-", id);
  make_folder(run + "/files");
  make_folder(run + "/logs");
  return cat(run, "/run-", id, ".wandb");
}

}  // namespace

WandbFolder::WandbFolder(const Options& options)
    : start_(unix_seconds()), exceptions_(std::uncaught_exceptions()) {
  if (!options.resumes || !goes_on(options)) { begin(options); }
}

WandbFolder::~WandbFolder() {
  try {
    std::string exit;
    put_number(exit, 1, std::uncaught_exceptions() > exceptions_ ? 1 : 0);
    put_number(exit, 2, static_cast<std::uint64_t>(unix_seconds() - start_));
    append(kExit, exit);
  } catch (const std::exception& error) { log_warning(cat("W&B's folder: ", error.what())); }
}

// Cuts the newest run back to the rows of the history; false where it does not have them all.
bool WandbFolder::goes_on(const Options& options) {
  path_ = newest_run(options.folder);
  if (path_.empty()) { return false; }
  const std::string bytes = read_file(path_);
  records_ = kFirstRecords + kRecordsOfRow * options.history.size();
  size_ = end_of_record(bytes, records_);
  if (size_ == 0) { return false; }
  rows_ = static_cast<std::int64_t>(options.history.size());
  write_file(path_, std::string_view(bytes).substr(0, size_));
  file_ = std::make_unique<AppendFile>(path_);
  return true;
}

void WandbFolder::begin(const Options& options) {
  if (path_.empty()) { path_ = new_path(options.folder, start_); }
  const std::string id = fs::path(path_).stem().string().substr(4);  // behind "run-"
  write_file(path_, file_head());
  file_ = std::make_unique<AppendFile>(path_);
  size_ = kFileHead;
  records_ = 0;
  append(kHeader, header_message());
  append(kRun, run_message(options, id, start_));
  append(kMetric, metric_message());
  for (const Row& row : options.history) { write_row(row, false); }
}

void WandbFolder::write(std::int64_t step, const std::map<std::string, double>& values) {
  write_row({step, values}, true);
}

// A row of before has no time of its own any more.
void WandbFolder::write_row(const Row& row, bool timed) {
  std::string items;
  for (const auto& [name, value] : row.values) { put_item(items, name, json_number(value)); }
  put_item(items, "train/global_step", cat(row.step));
  put_item(items, "_step", cat(rows_));
  if (timed) {
    const double now = unix_seconds();
    put_item(items, "_timestamp", json_number(now));
    put_item(items, "_runtime", json_number(now - start_));
  }
  append(kSummary, items);
  std::string step;
  put_number(step, 1, static_cast<std::uint64_t>(rows_++));
  put_field(items, 2, step);
  append(kHistory, items);
}

void WandbFolder::append(unsigned field, const std::string& message) {
  std::string record;
  put_number(record, kNumber, ++records_);
  put_field(record, field, message);
  const std::string bytes = in_chunks(record, size_);
  file_->append(bytes);
  size_ += bytes.size();
}

}  // namespace una::report
