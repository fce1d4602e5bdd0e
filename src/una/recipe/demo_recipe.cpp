#include <algorithm>
#include <cstdio>
#include <map>
#include <string>

#include "una/base/clock.h"
#include "una/base/format.h"
#include "una/kernels/threads.h"
#include "una/recipe/command_line.h"
#include "una/recipe/commands.h"
#include "una/setup/run_config.h"
#include "una/study/demo_run.h"
#include "una/study/grid/study.h"
#include "una/study/offline_demo.h"
#include "una/study/online_demo.h"

namespace una::recipe {

HelpPage demo_help(const Arguments&) {
  return options_page<study::DemoOptions>("usage: una demo [--online true] [--out DIR] [--seed N]");
}

int run_demo(const Arguments& arguments) {
  const auto options = read_command<study::DemoOptions>(arguments);
  kernels::set_threads(options.threads);
  const double begin = monotonic_seconds();
  study::DemoRun run(options);
  const int code = options.online ? study::run_online_demo(run) : study::run_offline_demo(run);
  if (options.stop_after.empty()) {
    std::printf("\nreport: %s/report.html   results: %s/results.json   %s in all\n", run.out().c_str(),
                run.out().c_str(), human_seconds(monotonic_seconds() - begin).c_str());
  }
  return code;
}

HelpPage study_help(const Arguments&) {
  return options_page<study::StudyOptions>(
      "usage: una study [--config study.yaml] [--quick true] [--out DIR]");
}

int run_study(const Arguments& arguments) {
  std::map<std::string, std::string> aliases = setup::option_aliases();
  aliases["task"] = "tasks";
  const auto options = read_command<study::StudyOptions>(arguments, aliases);
  kernels::set_threads(options.threads);
  return study::run_study(options);
}

}  // namespace una::recipe
