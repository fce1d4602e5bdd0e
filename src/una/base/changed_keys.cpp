#include "una/base/changed_keys.h"

#include "una/base/format.h"

namespace una {
namespace {

std::string text_of(const Setting* setting) {
  if (setting == nullptr) { return "absent"; }
  return setting->is_list ? join(setting->list, ", ") : setting->text;
}

}  // namespace

std::vector<ChangedKey> changed_keys(const Settings& then, const Settings& now,
                                     bool (*may_change)(const std::string& key), AbsentKeys absent) {
  std::vector<ChangedKey> out;
  for (const auto& [key, value] : now.all()) {
    const Setting* before = then.find(key);
    if (may_change(key) || (before == nullptr && absent == AbsentKeys::kPass)) { continue; }
    if (before != nullptr && before->text == value.text && before->list == value.list) { continue; }
    out.push_back({key, text_of(before), text_of(&value)});
  }
  return out;
}

}  // namespace una
