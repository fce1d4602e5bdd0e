#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "una/base/files/append_file.h"

namespace una::report {

// A TensorBoard event file with scalars, without protobuf. Each event is on disk when write() returns.
class EventWriter {
 public:
  // events.out.tfevents.<unix>.<host>.<pid>.<n> in `folder` (made when missing). `purge_from` >= 0: the run
  // goes on, and what the folder's older files hold of steps from there on is void.
  EventWriter(const std::string& folder, std::int64_t purge_from);
  // Tag -> value at a step, as one event.
  void write(std::int64_t step, const std::map<std::string, double>& scalars);

 private:
  void append_event(std::int64_t step, std::string_view payload);
  AppendFile file_;
};

// "loss" -> "train/loss", "eval_loss" -> "eval/loss", "test_x" -> "test/x".
std::string tensorboard_tag(const std::string& name);

std::uint32_t masked_crc32c(std::string_view bytes);

}  // namespace una::report
