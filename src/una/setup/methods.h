#pragma once

#include <optional>
#include <string>
#include <vector>

#include "una/online/online_options.h"
#include "una/setup/run_config.h"

namespace una::setup {

// A training method: one row of the table in methods.cpp. Commands, help, defaults, the choice of the loss and the
// check of keys read it, so a new method is the source of its loss and a row.
struct Method {
  std::string name;       // --method, and a command of its own
  std::string summary;    // in `una --help`
  std::string objective;  // for objective::make_objective
  std::optional<online::Method>
      online;                    // how it learns from its own samples; nullopt: it learns from given rows
  bool has_reference = true;     // it compares the policy with a reference
  void (*defaults)(RunConfig&);  // what differs from RunConfig{}
  // Keys in addition to the objective's that are not general: only the methods that list them read them.
  std::vector<std::string> own_keys = {};
};

const std::vector<Method>& methods();

// InputError for an unknown method; suggests the nearest name.
const Method& find_method(const std::string& name);
bool is_online(const std::string& method);

// Whether a run of `method` reads the key. Keys that every run reads (model, data, schedule) are always read.
bool reads_key(const Method& method, const std::string& key);

// InputError for each key of `given` that `method` does not read, naming those that do. A key from a file counts
// only where its value differs from the method's default: run.yaml holds all keys. `also`: keys that the command
// itself reads.
void check_keys_read(const Settings& given, const RunConfig& config, const std::vector<std::string>& also);

}  // namespace una::setup
