#pragma once

#include <string>

#include "una/base/format.h"
#include "una/base/json.h"
#include "una/eval/statistics.h"

namespace una::study {

// How the results of `una eval` show an interval: "[0.612, 0.655]", "0.634 [0.612, 0.655]", and in JSON.
inline std::string bounds_text(const eval::Interval& interval, int digits) {
  return cat("[", fixed(interval.low, digits), ", ", fixed(interval.high, digits), "]");
}
inline std::string interval_text(const eval::Interval& interval, int digits) {
  return cat(fixed(interval.mean, digits), " ", bounds_text(interval, digits));
}
inline Json interval_json(const eval::Interval& interval) {
  return {{"value", interval.mean}, {"low", interval.low}, {"high", interval.high}};
}

}  // namespace una::study
