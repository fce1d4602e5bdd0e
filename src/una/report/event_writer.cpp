#include "una/report/event_writer.h"

#include <array>
#include <atomic>
#include <bit>
#include <cstring>

#include <unistd.h>

#include "una/base/clock.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/os/host.h"

// TFRecord: u64 length, masked crc32c(length), payload, masked crc32c(payload). The payload is tensorflow's
// Event message: {1: double wall_time, 2: int64 step, 3: string file_version | 5: Summary {1: Value {1: tag,
// 2: float simple_value}} | 7: SessionLog {1: status}}.
namespace una::report {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) { crc = (crc & 1) != 0 ? 0x82F63B78U ^ (crc >> 1) : crc >> 1; }
    table[i] = crc;
  }
  return table;
}
constexpr std::array<std::uint32_t, 256> kCrcTable = make_crc_table();

template <class T>
void put_bytes(std::string& out, T value) {
  std::array<char, sizeof(T)> bytes{};
  std::memcpy(bytes.data(), &value, sizeof value);
  out.append(bytes.data(), bytes.size());
}

void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 128; value >>= 7) { out.push_back(static_cast<char>((value & 127) | 128)); }
  out.push_back(static_cast<char>(value));
}

enum WireType : std::uint8_t { kVarint = 0, kFixed64 = 1, kLength = 2, kFixed32 = 5 };

void put_key(std::string& out, unsigned field, WireType type) { put_varint(out, field << 3U | type); }

void put_field(std::string& out, unsigned field, std::string_view bytes) {
  put_key(out, field, kLength);
  put_varint(out, bytes.size());
  out += bytes;
}

std::string event_path(const std::string& folder) {
  static std::atomic<int> files{0};
  make_folder(folder);
  return cat(folder, "/events.out.tfevents.", static_cast<std::int64_t>(unix_seconds()), ".", host_name(),
             ".", ::getpid(), ".", files++);
}

}  // namespace

std::uint32_t masked_crc32c(std::string_view bytes) {
  std::uint32_t crc = ~0U;
  for (const char byte : bytes) {
    crc = kCrcTable[(crc ^ static_cast<unsigned char>(byte)) & 255] ^ (crc >> 8);
  }
  crc = ~crc;
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
}

std::string tensorboard_tag(const std::string& name) {
  if (starts_with(name, "eval_")) { return "eval/" + name.substr(5); }
  if (starts_with(name, "test_")) { return "test/" + name.substr(5); }
  return "train/" + name;
}

EventWriter::EventWriter(const std::string& folder, std::int64_t purge_from) : file_(event_path(folder)) {
  std::string version;
  put_field(version, 3, "brain.Event:2");
  append_event(0, version);
  if (purge_from < 0) { return; }
  std::string status, session;
  put_key(status, 1, kVarint);
  put_varint(status, 1);  // SessionLog.START
  put_field(session, 7, status);
  append_event(purge_from, session);
}

void EventWriter::append_event(std::int64_t step, std::string_view payload) {
  std::string event;
  put_key(event, 1, kFixed64);
  put_bytes(event, unix_seconds());
  put_key(event, 2, kVarint);
  put_varint(event, static_cast<std::uint64_t>(step));
  event += payload;
  std::string record;
  put_bytes(record, static_cast<std::uint64_t>(event.size()));
  put_bytes(record, masked_crc32c(record));
  record += event;
  put_bytes(record, masked_crc32c(event));
  file_.append(record);
}

void EventWriter::write(std::int64_t step, const std::map<std::string, double>& scalars) {
  std::string summary;
  for (const auto& [tag, number] : scalars) {
    std::string value;
    put_field(value, 1, tag);
    put_key(value, 2, kFixed32);
    put_bytes(value, static_cast<float>(number));
    put_field(summary, 1, value);
  }
  std::string payload;
  put_field(payload, 5, summary);
  append_event(step, payload);
}

}  // namespace una::report
