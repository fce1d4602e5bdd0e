#pragma once

#include <string>

#include "una/base/json.h"

namespace una::study {

// The finished stages of work that can be taken up again (una rounds, una tune): one file, written whole after each stage. A
// stage that is not in it is not done, whatever files exist.
class Stages {
 public:
  // Takes up `path` where it exists. `settings`: the resolved keys, as YAML. InputError, naming the key, when
  // they are not those of the file; `may_change` says which may differ.
  Stages(std::string path, const std::string& settings, bool (*may_change)(const std::string& key));

  bool is_new() const { return stages_.empty(); }
  const Json* find(const std::string& stage) const;  // what was noted of a finished stage; nullptr: not done
  void add(const std::string& stage, Json facts);    // finished

 private:
  std::string path_, settings_;
  Json stages_ = Json::array();
};

}  // namespace una::study
