#include <algorithm>
#include <cstdio>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/log.h"
#include "una/recipe/commands.h"
#include "una/report/html_report.h"

namespace una::recipe {

HelpPage report_help(const Arguments&) {
  return {
      "usage: una report FOLDER...\nwrites report.html into each folder, from its files: a run, a demo, or the rounds of una rounds",
      {}};
}

int run_report(const Arguments& arguments) {
  if (arguments.empty()) {
    print_help(report_help(arguments));
    return 2;
  }
  for (const std::string& folder : arguments) {
    check_input(!starts_with(folder, "--"), "'", folder, "' is not a run folder");
    report::write_html_report(folder);
    log_info(cat("written ", folder, "/report.html"));
  }
  return 0;
}

}  // namespace una::recipe
