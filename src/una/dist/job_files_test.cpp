#include "una/dist/job_files.h"

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::dist {
namespace {

JobShape shape() {
  return {.name = "dpo-run",
          .words = {"una", "dpo", "--data", "my rows.jsonl", "--prompt", "it's"},
          .machines = 2,
          .ranks = 4,
          .cpus = 8,
          .memory = "64G"};
}

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(JobFiles, WordsKeepTheirMeaningInAShell) {
  EXPECT_EQ(shell_line({"una", "--lr=1e-3", "a b", "it's", "", "$HOME"}),
            "una --lr=1e-3 'a b' 'it'\\''s' '' '$HOME'");
}

TEST(JobFiles, TheSlurmScriptAsksForTheRanksAndRequeuesItself) {
  const std::string script =
      sbatch_script(shape(), {.partition = "long", .time = "04:00:00", .save_seconds = 240});
  for (const char* line :
       {"#!/bin/bash\n", "#SBATCH --nodes=2\n", "#SBATCH --ntasks-per-node=4\n",
        "#SBATCH --cpus-per-task=8\n", "#SBATCH --mem=64G\n", "#SBATCH --partition=long\n",
        "#SBATCH --time=04:00:00\n", "#SBATCH --signal=TERM@240\n", "#SBATCH --requeue\n",
        "srun --kill-on-bad-exit=1 --cpus-per-task=8 una dpo --data 'my rows.jsonl' --prompt 'it'\\''s'\n"}) {
    EXPECT_TRUE(holds(script, line)) << line << "is missing in\n" << script;
  }
  EXPECT_FALSE(holds(script, "--account"));
  EXPECT_THROW(sbatch_script(shape(), {.partition = "a b"}), InputError);
}

TEST(JobFiles, TheManifestHasKubeflowsNames) {
  const std::string manifest =
      trainjob_manifest(shape(), {.image = "registry/una:1", .name_space = "team", .volume_claim = "shared"});
  for (const char* line :
       {"apiVersion: trainer.kubeflow.org/v1alpha1\n", "kind: TrainJob\n", "  name: \"dpo-run\"\n",
        "    name: \"torch-distributed\"\n", "    numNodes: 2\n", "    numProcPerNode: 4\n",
        "      - \"my rows.jsonl\"\n", "        cpu: \"32\"\n", "        memory: \"64G\"\n",
        "              claimName: \"shared\"\n", "                mountPath: \"/workspace\"\n"}) {
    EXPECT_TRUE(holds(manifest, line)) << line << "is missing in\n" << manifest;
  }
  EXPECT_THROW(trainjob_manifest(shape(), {}), InputError) << "no image";
  JobShape odd = shape();
  odd.name = "Run_1";
  EXPECT_THROW(trainjob_manifest(odd, {.image = "una"}), InputError);
}

}  // namespace
}  // namespace una::dist
