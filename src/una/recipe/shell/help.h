#pragma once

#include <string>
#include <vector>

#include "una/base/options.h"
#include "una/setup/methods.h"

namespace una::recipe {

// Keys under one heading of --help.
struct HelpGroup {
  std::string title;
  std::vector<OptionHelp> options;
};

// The help of a command, as data: the terminal, the man page and the shells' completion show the same keys.
struct HelpPage {
  std::string usage;  // how it is called, and what it does, in several lines
  std::vector<HelpGroup> groups;
};

// The usage, then each group's keys with their defaults, wrapped at `width` columns.
std::string help_text(const HelpPage& page, std::size_t width);

// Whether the key's default says anything to a reader: an empty text or list does not.
bool has_default(const OptionHelp& option);

// Columns of the terminal behind standard output; 110 where it is not one.
std::size_t terminal_width();

// A training run's keys by theme, with the method's defaults: those that it reads, or all of them. `also`: keys of
// the command's own, which come first, and further keys that it reads.
std::vector<HelpGroup> run_groups(const setup::Method& method, bool all,
                                  const std::vector<OptionHelp>& own = {},
                                  const std::vector<std::string>& also = {});

}  // namespace una::recipe
