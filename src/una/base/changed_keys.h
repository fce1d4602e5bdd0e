#pragma once

#include <string>
#include <vector>

#include "una/base/options.h"

namespace una {

// A key with one value in an earlier run's settings and another now.
struct ChangedKey {
  std::string key, was, is;  // values as text; an absent key was "absent"
};

// What happens to keys that the earlier settings lack: a run may resume without them, a folder of rounds may not.
enum class AbsentKeys { kPass, kChanged };

// The keys of `now` whose values differ in `then`, without those that may change.
std::vector<ChangedKey> changed_keys(const Settings& then, const Settings& now,
                                     bool (*may_change)(const std::string& key), AbsentKeys absent);

}  // namespace una
