#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "una/online/round.h"

namespace una::run {

// samples.jsonl: the newest answers of an online run, a few of each round, for the report.
class SampleTable {
 public:
  explicit SampleTable(std::string path) : path_(std::move(path)) {}
  // Writes the whole file again.
  void add(const online::Round& round);

 private:
  std::string path_;
  std::int64_t round_ = 0;
  std::vector<std::string> lines_;
};

}  // namespace una::run
