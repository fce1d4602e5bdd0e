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

// `usage`, then each group's keys with their defaults, wrapped at `width` columns.
std::string help_text(const std::string& usage, const std::vector<HelpGroup>& groups, std::size_t width);

// Columns of the terminal behind standard output; 110 where it is not one.
std::size_t terminal_width();

// A training run's keys by theme, with the method's defaults: those that it reads, or all of them. `also`: keys of
// the command's own, which come first, and further keys that it reads.
std::vector<HelpGroup> run_groups(const setup::Method& method, bool all,
                                  const std::vector<OptionHelp>& own = {},
                                  const std::vector<std::string>& also = {});

}  // namespace una::recipe
