#include <cstdio>

#include "una/base/error.h"
#include "una/recipe/commands.h"
#include "una/recipe/shell/completion.h"
#include "una/setup/run_config.h"

namespace una::recipe {
namespace {

// The keys of a command with the short names that they may be given by, and --help.
CompletedCommand completed(const Command& command) {
  CompletedCommand out{.name = command.name, .summary = command.summary, .keys = {}};
  for (const HelpGroup& group : command.help({}).groups) {
    for (const OptionHelp& key : group.options) {
      for (const auto& [alias, name] : setup::option_aliases()) {
        if (name == key.name) {
          out.keys.push_back({.name = alias, .fallback = {}, .help = key.help, .kind = key.kind});
        }
      }
      out.keys.push_back(key);
    }
  }
  out.keys.push_back({.name = "help", .fallback = {}, .help = "list the keys"});
  return out;
}

}  // namespace

HelpPage completion_help(const Arguments&) {
  return {
      "usage: una completion bash|zsh|fish\n"
      "prints a script that completes commands and keys; bash: source <(una completion bash)",
      {}};
}

int run_completion(const Arguments& arguments) {
  check_input(arguments.size() == 1, "completion: name one shell: bash, zsh or fish");
  std::vector<CompletedCommand> all;
  for (const Command& command : commands()) { all.push_back(completed(command)); }
  std::printf("%s", completion_script(arguments[0], all).c_str());
  return 0;
}

}  // namespace una::recipe
