#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "una/base/options.h"
#include "una/setup/hub_cache.h"
#include "una/setup/run_config.h"

// What all commands do with their words: --help, flags, --config, the check of keys, and reading them into the
// command's options.
namespace una::recipe {

using Arguments = std::vector<std::string>;

bool wants_help(const Arguments& arguments);      // --help or -h among them
bool wants_all_help(const Arguments& arguments);  // --help all
// `usage` and the options, data's under a heading of their own.
void print_help(const std::string& usage, const std::vector<OptionHelp>& options);

// Flags over the keys of --config FILE. Keys of a training run that the command does not have are passed over in the
// file, so that a run.yaml serves; unknown keys are an InputError that names them all.
Settings read_settings(const Arguments& arguments, const std::vector<OptionHelp>& known,
                       const std::map<std::string, std::string>& aliases);

// The base that the adapter's configuration names, where no model is given. InputError when it is not a folder.
void find_model(std::string& model, const std::string& adapter);

// The options of a command. nullopt: --help was printed, there is nothing more to do.
template <class Options>
std::optional<Options> read_command(
    const Arguments& arguments, const std::string& usage,
    const std::map<std::string, std::string>& aliases = setup::option_aliases()) {
  Options options;
  const std::vector<OptionHelp> known = describe_options(options);
  if (wants_help(arguments)) {
    print_help(usage, known);
    return std::nullopt;
  }
  read_options(read_settings(arguments, known, aliases), options);
  setup::resolve_hub_names(options);
  return options;
}

}  // namespace una::recipe
