#include "una/study/stages.h"

#include <utility>

#include "una/base/changed_keys.h"
#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json_line.h"
#include "una/base/options.h"

namespace una::study {

Stages::Stages(std::string path, const std::string& settings, bool (*may_change)(const std::string& key))
    : path_(std::move(path)), settings_(settings) {
  if (!is_file(path_)) { return; }
  const Json old = parse_json(read_file(path_), path_);
  check_input(old.is_object() && old.contains("settings") && old.contains("stages"), path_,
              " is not a list of finished stages");
  const Settings then = parse_yaml_settings(old["settings"].get<std::string>(), path_);
  const Settings now = parse_yaml_settings(settings, "this run");
  for (const ChangedKey& changed : changed_keys(then, now, may_change, AbsentKeys::kChanged)) {
    throw InputError(cat(path_, ": ", changed.key, " was ", changed.was, " and is ", changed.is,
                         " now; work that goes on keeps its settings (or give another --out)"));
  }
  stages_ = old["stages"];
}

const Json* Stages::find(const std::string& stage) const {
  for (const Json& entry : stages_) {
    if (entry.at("stage") == stage) { return &entry; }
  }
  return nullptr;
}

void Stages::add(const std::string& stage, Json facts) {
  facts["stage"] = stage;
  stages_.push_back(std::move(facts));
  write_file(path_, print_json({{"settings", settings_}, {"stages", stages_}}));
}

}  // namespace una::study
