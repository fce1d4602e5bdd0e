#include "una/report/trackers/event_writer.h"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/testing.h"

namespace una::report {
namespace {

// A small reader of the format, written from its description and not from the writer.
struct Scalar {
  std::string tag;
  float value = 0;
};
struct Event {
  double wall_time = 0;
  std::uint64_t step = 0;
  std::string version;
  std::uint64_t session_status = 0;
  std::vector<Scalar> scalars;
};

class Message {
 public:
  explicit Message(std::string_view bytes) : bytes_(bytes) {}
  bool done() const { return bytes_.empty(); }
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1)[0]);
      value |= static_cast<std::uint64_t>(byte & 127U) << shift;
      if (byte < 128) { return value; }
    }
  }
  std::string_view take(std::size_t n) {
    if (n > bytes_.size()) { throw std::runtime_error("message too short"); }
    const std::string_view part = bytes_.substr(0, n);
    bytes_.remove_prefix(n);
    return part;
  }
  template <class T>
  T plain() {
    T value;
    const std::string_view bytes = take(sizeof value);
    std::memcpy(&value, bytes.data(), bytes.size());
    return value;
  }
  std::string_view block() { return take(varint()); }

 private:
  std::string_view bytes_;
};

Scalar read_scalar(std::string_view bytes) {
  Scalar scalar;
  for (Message message(bytes); !message.done();) {
    switch (message.varint()) {
      case 1 << 3 | 2:
        scalar.tag = message.block();
        break;
      case 2 << 3 | 5:
        scalar.value = message.plain<float>();
        break;
      default:
        throw std::runtime_error("unknown field of a scalar");
    }
  }
  return scalar;
}

Event read_event(std::string_view bytes) {
  Event event;
  for (Message message(bytes); !message.done();) {
    switch (message.varint()) {
      case 1 << 3 | 1:
        event.wall_time = message.plain<double>();
        break;
      case 2 << 3 | 0:
        event.step = message.varint();
        break;
      case 3 << 3 | 2:
        event.version = message.block();
        break;
      case 5 << 3 | 2:
        for (Message summary(message.block()); !summary.done();) {
          EXPECT_EQ(summary.varint(), 1U << 3 | 2);
          event.scalars.push_back(read_scalar(summary.block()));
        }
        break;
      case 7 << 3 | 2: {
        Message session(message.block());
        EXPECT_EQ(session.varint(), 1U << 3 | 0);
        event.session_status = session.varint();
        break;
      }
      default:
        throw std::runtime_error("unknown field of an event");
    }
  }
  return event;
}

// Bit by bit, unlike the writer's table.
std::uint32_t slow_masked_crc(std::string_view bytes) {
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) { crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82F63B78U : crc >> 1; }
  }
  crc = ~crc;
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
}

std::vector<Event> read_events(const std::string& folder) {
  std::vector<Event> events;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string bytes = read_file(entry.path().string());
    for (Message file(bytes); !file.done();) {
      const std::string_view length = file.take(8);
      EXPECT_EQ(file.plain<std::uint32_t>(), slow_masked_crc(length));
      std::uint64_t size = 0;
      std::memcpy(&size, length.data(), 8);
      const std::string_view payload = file.take(size);
      EXPECT_EQ(file.plain<std::uint32_t>(), slow_masked_crc(payload));
      events.push_back(read_event(payload));
    }
  }
  return events;
}

TEST(EventWriter, ChecksumIsMaskedCrc32c) {
  // crc32c("123456789") is the catalogue's check value e3069283; unmask to see it.
  const std::uint32_t rotated = masked_crc32c("123456789") - 0xa282ead8U;
  EXPECT_EQ((rotated >> 17) | (rotated << 15), 0xe3069283U);
}

TEST(EventWriter, ScalarsCanBeReadBackWithTagsStepsAndChecksums) {
  const std::string folder = test_folder("events");
  {
    EventWriter writer(folder, -1);
    writer.write(300, {{"train/loss", 0.5}, {"train/rewards/chosen", -2.25}});
    writer.write(70000, {{"eval/loss", 0.125}});
  }
  const std::vector<Event> events = read_events(folder);
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0].version, "brain.Event:2");
  EXPECT_GT(events[0].wall_time, 1.6e9);
  EXPECT_EQ(events[1].step, 300U);
  ASSERT_EQ(events[1].scalars.size(), 2U);
  EXPECT_EQ(events[1].scalars[0].tag, "train/loss");
  EXPECT_EQ(events[1].scalars[0].value, 0.5F);
  EXPECT_EQ(events[1].scalars[1].tag, "train/rewards/chosen");
  EXPECT_EQ(events[1].scalars[1].value, -2.25F);
  EXPECT_EQ(events[2].step, 70000U);
  EXPECT_EQ(events[2].scalars.at(0).tag, "eval/loss");
}

TEST(EventWriter, AResumedRunTellsTensorBoardWhatNoLongerHolds) {
  const std::string folder = test_folder("events_resumed");
  { const EventWriter writer(folder, 41); }
  const std::vector<Event> events = read_events(folder);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[1].step, 41U);
  EXPECT_EQ(events[1].session_status, 1U);  // SessionLog.START
}

TEST(EventWriter, TagsFollowHuggingFace) {
  EXPECT_EQ(tensorboard_tag("rewards/chosen"), "train/rewards/chosen");
  EXPECT_EQ(tensorboard_tag("eval_rewards/chosen"), "eval/rewards/chosen");
  EXPECT_EQ(tensorboard_tag("test_loss"), "test/loss");
}

}  // namespace
}  // namespace una::report
