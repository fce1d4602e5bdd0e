#include "una/recipe/bench/bench_online.h"

#include "una/kernels/threads.h"
#include "una/study/online_study.h"

namespace una::recipe {

HelpPage bench_online_help() {
  return options_page<study::OnlineStudyOptions>(
      "usage: una bench online [--out DIR] [--seeds 42,1,2,3,4] [--methods ...]");
}

int bench_online(const Arguments& arguments) {
  const auto options = read_command<study::OnlineStudyOptions>(arguments);
  kernels::set_threads(options.threads);
  return study::run_online_study(options);
}

}  // namespace una::recipe
