#pragma once

#include <string>

#include "una/recipe/shell/help.h"

namespace una::recipe {

// The manual page of a command in man(7)'s macros, from the same keys as --help: what `una COMMAND --help man` prints.
std::string man_page(const std::string& command, const std::string& summary, const HelpPage& page);

}  // namespace una::recipe
