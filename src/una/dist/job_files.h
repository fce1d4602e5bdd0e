#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace una::dist {

// A command that several ranks are to do on a cluster, and what it asks for on each machine.
struct JobShape {
  std::string name = "una";
  std::vector<std::string> words;        // the program and its arguments, without keys that place ranks
  std::int64_t machines = 1, ranks = 1;  // ranks on each machine
  std::int64_t cpus = 0;                 // of each rank; 0: not asked for
  std::string memory;                    // of each machine, as the scheduler writes it; "": not asked for
};

struct SlurmKeys {
  std::string partition, account, time;  // "": the cluster's own
  std::int64_t save_seconds = 180;       // before the time limit: the ranks get TERM, save and stop
  std::int64_t restarts = 20;            // times that the job puts itself back into the queue
};

// A script for sbatch: one job step whose tasks are the ranks. It goes on from the newest checkpoint when Slurm starts it
// again, and puts itself back into the queue when a rank was lost or the run was stopped after saving.
std::string sbatch_script(const JobShape& job, const SlurmKeys& keys);

struct KubernetesKeys {
  std::string image, name_space;           // "": the context's namespace
  std::string volume_claim;                // a claim that all pods mount at volume_path; "": none
  std::string volume_path = "/workspace";  // models, data and the run folder are there
  std::string runtime = "torch-distributed";
};

// A TrainJob of Kubeflow Trainer (trainer.kubeflow.org/v1alpha1): each pod starts its ranks itself by PET_*.
std::string trainjob_manifest(const JobShape& job, const KubernetesKeys& keys);

// The words as one line for a POSIX shell.
std::string shell_line(const std::vector<std::string>& words);

}  // namespace una::dist
