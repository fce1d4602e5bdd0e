#include "una/run/launch_job.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una::run {
namespace {

using Words = std::vector<std::string>;

Words with(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

const Words kDpo = {"slurm", "dpo", "--model", "./m", "--data", "a.jsonl", "b c.jsonl", "--out", "run"};

// The line of the script that runs una.
std::string command(const std::string& script) {
  const std::size_t at = script.find(" dpo ");
  const std::size_t begin = at == std::string::npos ? 0 : script.rfind('\n', at) + 1;
  return script.substr(begin, script.find('\n', begin) - begin);
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string refusal(const Words& words) {
  try {
    job_text(words);
  } catch (const InputError& error) { return error.what(); }
  return "";
}

TEST(LaunchJob, KeysThatPlaceRanksGoToTheSchedulerAndTheOthersToTheCommand) {
  const std::string script = job_text(with(kDpo, {"--nnodes", "2", "--nproc", "4", "--beta", "0.2",
                                                  "--no_shuffle", "--stop_at_step", "9", "--dry_run"}));
  EXPECT_TRUE(has(script, "#SBATCH --nodes=2\n"));
  EXPECT_TRUE(has(script, "#SBATCH --ntasks-per-node=4\n"));
  const std::string line = command(script);
  for (const char* part : {"--beta 0.2", "--dataset_name a.jsonl 'b c.jsonl'", "--shuffle false",
                           "--stop_at_step 9", "--resume_from_checkpoint auto"}) {
    EXPECT_TRUE(has(line, part)) << part << " in: " << line;
  }
  for (const char* part : {"nnodes", "nproc", "dry_run"}) { EXPECT_FALSE(has(line, part)) << part; }
}

TEST(LaunchJob, ACheckpointThatIsNamedIsTheOneToGoOnFrom) {
  const std::string line =
      command(job_text(with(kDpo, {"--resume_from_checkpoint", "run/checkpoint-3", "--dry_run"})));
  EXPECT_TRUE(has(line, "--resume_from_checkpoint run/checkpoint-3")) << line;
  EXPECT_FALSE(has(line, "auto")) << line;
}

TEST(LaunchJob, AFileOfKeysIsReadByTheCommandWithoutItsDryRun) {
  const std::string path = test_folder("launch_job") + "/run.yaml";
  write_file(path, "dry_run: true\nresume_from_checkpoint: run/checkpoint-3\nbeta: 0.3\n");
  const std::string line = command(job_text(with(kDpo, {"--config", path})));
  EXPECT_TRUE(has(line, "--config " + path)) << line;
  EXPECT_TRUE(has(line, "--dry_run false")) << "or the job would only show its plan: " << line;
  EXPECT_FALSE(has(line, "auto")) << "the file names a checkpoint: " << line;
  EXPECT_FALSE(has(line, "beta")) << line;
}

TEST(LaunchJob, AFileOfKeysThatPlacesRanksIsRefused) {
  const std::string path = test_folder("launch_job_placed") + "/run.yaml";
  write_file(path, "beta: 0.3\nnnodes: 2\n");
  const std::string sentence = refusal(with(kDpo, {"--config", path, "--dry_run"}));
  EXPECT_TRUE(has(sentence, "run.yaml:2: nnodes places ranks")) << sentence;
  EXPECT_EQ(refusal(with(kDpo, {"--config", path, "--nnodes", "2", "--dry_run"})), "") << "the flag decides";
}

TEST(LaunchJob, WhatIsWrongIsSaidBeforeAnythingIsSubmitted) {
  EXPECT_TRUE(has(refusal({}), "give slurm or k8s"));
  EXPECT_TRUE(has(refusal({"pbs", "dpo", "--dry_run"}), "una launch 'pbs'"));
  EXPECT_TRUE(has(refusal({"slurm", "score", "--dry_run"}), "the training command is missing"));
  EXPECT_TRUE(has(refusal({"slurm"}), "the training command is missing"));
  EXPECT_TRUE(has(refusal(kDpo), "add --dry_run"));
  EXPECT_TRUE(has(refusal(with(kDpo, {"--bta", "1", "--dry_run"})), "beta"));
  EXPECT_NE(refusal(with(kDpo, {"--mem", "64 G", "--dry_run"})), "");
}

TEST(LaunchJob, KubernetesGetsAManifest) {
  Words words = kDpo;
  words[0] = "k8s";
  const std::string manifest =
      job_text(with(words, {"--nnodes", "3", "--image", "registry/una:1", "--dry_run"}));
  EXPECT_TRUE(has(manifest, "kind: TrainJob")) << manifest;
  EXPECT_TRUE(has(manifest, "numNodes: 3")) << manifest;
}

}  // namespace
}  // namespace una::run
