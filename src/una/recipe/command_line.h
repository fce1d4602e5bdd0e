#pragma once

#include <map>
#include <string>
#include <vector>

#include "una/base/options.h"
#include "una/hub/cache.h"
#include "una/recipe/shell/help.h"
#include "una/setup/run_config.h"

// What all commands do with their words: flags, --config, the check of keys, reading them into the command's options, and
// the page for --help.
namespace una::recipe {

using Arguments = std::vector<std::string>;

bool wants_help(const Arguments& arguments);        // --help or -h among them
std::string help_word(const Arguments& arguments);  // what follows --help: "all", "man"; "" without
bool wants_all_help(const Arguments& arguments);
// `usage` and the options, data's under a heading of their own.
HelpPage help_page(const std::string& usage, const std::vector<OptionHelp>& options);

// On standard output, as wide as the terminal.
void print_help(const HelpPage& page);

// Flags over the keys of --config FILE. Keys of a training run that the command does not have are passed over in the
// file, so that a run.yaml serves; unknown keys are an InputError that names them all.
Settings read_settings(const Arguments& arguments, const std::vector<OptionHelp>& known,
                       const std::map<std::string, std::string>& aliases);

// The base that the adapter's configuration names, where no model is given. InputError when it is not a folder.
void find_model(std::string& model, const std::string& adapter);

template <class Options>
HelpPage options_page(const std::string& usage) {
  return help_page(usage, describe_options(Options{}));
}

// The options of a command.
template <class Options>
Options read_command(const Arguments& arguments,
                     const std::map<std::string, std::string>& aliases = setup::option_aliases()) {
  Options options;
  read_options(read_settings(arguments, describe_options(options), aliases), options);
  hub::resolve_all(options);
  return options;
}

}  // namespace una::recipe
