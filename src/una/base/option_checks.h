#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "una/base/error.h"
#include "una/base/format.h"

namespace una {

// Sentences for option values that make no sense, so that they are refused before any work.

// Larger counts of rows, steps or samples are a slip of the keyboard, and their products would overflow.
constexpr std::int64_t kLargestCount = 1'000'000'000;

inline void check_count(const char* key, std::int64_t value, std::int64_t least,
                        std::int64_t most = kLargestCount) {
  check_input(value >= least, key, " must be at least ", least, ", not ", value);
  check_input(value <= most, key, " must be at most ", most, ", not ", value);
}

inline void check_not_negative(const char* key, double value) {
  check_input(value >= 0 && std::isfinite(value), key, " must be 0 or positive, not ", value);
}

inline void check_share(const char* key, double value) {
  check_input(value >= 0 && value <= 1, key, " must be between 0 and 1, not ", value);
}

inline void check_choice(const char* key, const std::string& value, const std::vector<std::string>& choices) {
  for (const std::string& choice : choices) {
    if (value == choice) { return; }
  }
  const std::string near = nearest_name(value, choices);
  throw InputError(cat(key, ": unknown value '", value, "'",
                       near.empty() ? "" : cat("; did you mean '", near, "'?"),
                       " (known: ", join(choices, ", "), ")"));
}

}  // namespace una
