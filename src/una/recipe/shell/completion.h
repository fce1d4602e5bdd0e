#pragma once

#include <string>
#include <vector>

#include "una/recipe/shell/help.h"

namespace una::recipe {

// A command as a shell completes it.
struct CompletedCommand {
  std::string name, summary;
  std::vector<OptionHelp> keys;
};

// A script that completes the commands, their keys, true and false after a key that is a switch, and file names elsewhere.
// It holds the keys themselves, so that a press of the tab key does not start the program. InputError: a shell other than
// bash, zsh and fish.
std::string completion_script(const std::string& shell, const std::vector<CompletedCommand>& commands);

}  // namespace una::recipe
