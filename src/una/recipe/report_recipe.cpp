#include <algorithm>
#include <cstdio>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/log.h"
#include "una/recipe/commands.h"
#include "una/report/html_report.h"

namespace una::recipe {

int run_report(const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments[0] == "--help") {
    std::printf(
        "usage: una report RUN_FOLDER...\nwrites report.html into each folder, from what lies there\n");
    return arguments.empty() ? 2 : 0;
  }
  for (const std::string& folder : arguments) {
    check_input(!starts_with(folder, "--"), "'", folder, "' is no run folder");
    report::write_html_report(folder);
    log_info(cat("written ", folder, "/report.html"));
  }
  return 0;
}

}  // namespace una::recipe
