#include "una/recipe/launch_recipe.h"

#include <cstdio>

#include "una/run/launch_job.h"

namespace una::recipe {
namespace {

constexpr const char* kUsage =
    "usage: una launch slurm METHOD --nnodes 2 --nproc 4 --dry_run [keys of una METHOD]   prints a script for sbatch\n"
    "       una launch k8s METHOD --nnodes 2 --image IMAGE --dry_run [keys of una METHOD]  prints a TrainJob\n"
    "the job goes on from the newest checkpoint when it is started again; docs/scale.md";

}  // namespace

HelpPage launch_help(const Arguments& /*arguments*/) { return help_page(kUsage, run::launch_keys()); }

int run_launch(const Arguments& arguments) {
  std::printf("%s", run::job_text(arguments).c_str());
  return 0;
}

}  // namespace una::recipe
