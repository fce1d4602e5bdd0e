#include <algorithm>
#include <cstdio>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/log.h"
#include "una/recipe/commands.h"
#include "una/report/html_report.h"

namespace una::recipe {

int run_report(const Arguments& arguments) {
  if (arguments.empty() || wants_help(arguments)) {
    std::printf("usage: una report RUN_FOLDER...\nwrites report.html into each folder, from its files\n");
    return arguments.empty() ? 2 : 0;
  }
  for (const std::string& folder : arguments) {
    check_input(!starts_with(folder, "--"), "'", folder, "' is not a run folder");
    report::write_html_report(folder);
    log_info(cat("written ", folder, "/report.html"));
  }
  return 0;
}

}  // namespace una::recipe
