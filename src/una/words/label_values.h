#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "una/base/json.h"

namespace una::words {

// --label_values good=up|1|yes,bad=down|0|no,none=skip: which words and numbers of a thumb's column mean true,
// false and nothing. Letters' case and white space around a word do not matter; true and false are always known.
class LabelValues {
 public:
  LabelValues() = default;
  explicit LabelValues(const std::vector<std::string>& entries);  // InputError names the key

  bool empty() const { return good_.empty(); }
  bool knows(const Json& value) const;
  // The thumb of a value that it knows; nullopt: none.
  std::optional<bool> thumb(const Json& value) const;

 private:
  std::set<std::string> good_, bad_, none_;
};

// What to do about a thumb that is a word or a number: the end of an error sentence.
inline constexpr const char* kLabelValuesAdvice =
    "; --label_values good=1|up|yes,bad=0|down|no tells which values mean good and bad";

}  // namespace una::words
