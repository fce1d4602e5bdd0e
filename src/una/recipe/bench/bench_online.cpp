#include "una/recipe/bench/bench_online.h"

#include "una/kernels/threads.h"
#include "una/study/online_study.h"

namespace una::recipe {

int bench_online(const Arguments& arguments) {
  const auto options = read_command<study::OnlineStudyOptions>(
      arguments, "usage: una bench online [--out DIR] [--seeds 42,1,2,3,4] [--methods ...]");
  if (!options) { return 0; }
  kernels::set_threads(options->threads);
  return study::run_online_study(*options);
}

}  // namespace una::recipe
