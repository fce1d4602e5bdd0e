#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "una/online/round.h"

namespace una::run {

// samples.jsonl: the newest answers of an online run, a few of each round, for the report. A resumed run keeps the
// answers of the rounds before its first one.
class SampleTable {
 public:
  explicit SampleTable(std::string path) : path_(std::move(path)) {}
  // Writes the whole file again.
  void add(const online::Round& round);

 private:
  void keep_rounds_before(std::int64_t number);
  std::string path_;
  bool begun_ = false;
  std::vector<std::string> lines_;
};

}  // namespace una::run
