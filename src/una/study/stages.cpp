#include "una/study/stages.h"

#include <utility>

#include "una/base/error.h"
#include "una/base/files.h"
#include "una/base/format.h"
#include "una/base/options.h"

namespace una::study {
namespace {

std::string text_of(const Setting* setting) {
  if (setting == nullptr) { return "not there"; }
  return setting->is_list ? join(setting->list, ", ") : setting->text;
}

}  // namespace

RoundsManifest::RoundsManifest(std::string path, const std::string& settings,
                               bool (*may_change)(const std::string& key))
    : path_(std::move(path)), settings_(settings) {
  if (!is_file(path_)) { return; }
  const Json old = parse_json(read_file(path_), path_);
  check_input(old.is_object() && old.contains("settings") && old.contains("stages"), path_,
              " is no manifest of una rounds");
  const Settings then = parse_yaml_settings(old["settings"].get<std::string>(), path_);
  const Settings now = parse_yaml_settings(settings, "this run");
  for (const auto& [key, value] : now.all()) {
    const Setting* before = then.find(key);
    if (may_change(key) || (before != nullptr && before->text == value.text && before->list == value.list)) {
      continue;
    }
    throw InputError(cat(path_, ": ", key, " was ", text_of(before), " and is ", text_of(&value),
                         " now; rounds that go on keep their settings (or give another --out)"));
  }
  stages_ = old["stages"];
}

const Json* RoundsManifest::find(const std::string& stage) const {
  for (const Json& entry : stages_) {
    if (entry.at("stage") == stage) { return &entry; }
  }
  return nullptr;
}

void RoundsManifest::add(const std::string& stage, Json facts) {
  facts["stage"] = stage;
  stages_.push_back(std::move(facts));
  write_file(path_, Json{{"settings", settings_}, {"stages", stages_}}.dump(2) + "\n");
}

}  // namespace una::study
