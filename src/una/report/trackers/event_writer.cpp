#include "una/report/trackers/event_writer.h"

#include <atomic>

#include <unistd.h>

#include "una/base/clock.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/os/host.h"
#include "una/report/trackers/wire_format.h"

// TFRecord: u64 length, masked crc32c(length), payload, masked crc32c(payload). The payload is tensorflow's
// Event message: {1: double wall_time, 2: int64 step, 3: string file_version | 5: Summary {1: Value {1: tag,
// 2: float simple_value}} | 7: SessionLog {1: status}}.
namespace una::report {
namespace {

std::string event_path(const std::string& folder) {
  static std::atomic<int> files{0};
  make_folder(folder);
  return cat(folder, "/events.out.tfevents.", static_cast<std::int64_t>(unix_seconds()), ".", host_name(),
             ".", ::getpid(), ".", files++);
}

}  // namespace

std::uint32_t masked_crc32c(std::string_view bytes) {
  const std::uint32_t crc = crc32(bytes, kCastagnoli);
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
  put_number(status, 1, 1);  // SessionLog.START
  put_field(session, 7, status);
  append_event(purge_from, session);
}

void EventWriter::append_event(std::int64_t step, std::string_view payload) {
  std::string event;
  put_key(event, 1, kFixed64);
  put_bytes(event, unix_seconds());
  put_number(event, 2, static_cast<std::uint64_t>(step));
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
