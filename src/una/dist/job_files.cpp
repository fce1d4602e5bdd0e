#include "una/dist/job_files.h"

#include <algorithm>
#include <cctype>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/base/os/shell_command.h"

namespace una::dist {
namespace {

bool is_plain(const std::string& word) {
  return !word.empty() && std::all_of(word.begin(), word.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || std::string("-_./:=,+@%").find(static_cast<char>(c)) != std::string::npos;
  });
}

std::string quoted(const std::string& word) { return is_plain(word) ? word : shell_quoted(word); }

// A line of sbatch's own keys; nothing for an empty value. They are not read by a shell: no blank may be in them.
std::string directive(const std::string& key, const std::string& value) {
  if (value.empty()) { return ""; }
  check_input(value.find_first_of(" \t\n'\"") == std::string::npos, key, " is '", value,
              "': Slurm's keys hold no blanks and quotes");
  return cat("#SBATCH --", key, "=", value, "\n");
}

std::string count(std::int64_t value) { return value > 0 ? std::to_string(value) : ""; }

// Text as YAML: JSON's form of it is one of YAML's.
std::string yaml(const std::string& text) { return Json(text).dump(); }

// Names of Kubernetes' objects: lower-case letters, digits and hyphens.
void check_object_name(const std::string& name) {
  const bool good = !name.empty() && name.size() <= 50 &&
                    std::isalpha(static_cast<unsigned char>(name[0])) != 0 && name.back() != '-' &&
                    std::all_of(name.begin(), name.end(), [](unsigned char c) {
                      return std::islower(c) != 0 || std::isdigit(c) != 0 || c == '-';
                    });
  check_input(good, "job_name is '", name,
              "': Kubernetes wants lower-case letters, digits and hyphens, a letter first, at most 50");
}

std::string resources(const JobShape& job) {
  std::string out;
  if (job.cpus > 0) { out += cat("        cpu: ", yaml(std::to_string(job.cpus * job.ranks)), "\n"); }
  if (!job.memory.empty()) { out += cat("        memory: ", yaml(job.memory), "\n"); }
  if (out.empty()) { return ""; }
  return cat("    resourcesPerNode:\n      requests:\n", out, "      limits:\n", out);
}

std::string volume(const KubernetesKeys& keys) {
  if (keys.volume_claim.empty()) { return ""; }
  return cat(
      "  podTemplateOverrides:\n    - targetJobs:\n        - name: node\n      spec:\n        volumes:\n",
      "          - name: workspace\n            persistentVolumeClaim:\n              claimName: ",
      yaml(keys.volume_claim), "\n        containers:\n          - name: node\n            volumeMounts:\n",
      "              - name: workspace\n                mountPath: ", yaml(keys.volume_path), "\n");
}

}  // namespace

std::string shell_line(const std::vector<std::string>& words) {
  std::vector<std::string> out;
  for (const std::string& word : words) { out.push_back(quoted(word)); }
  return join(out, " ");
}

std::string sbatch_script(const JobShape& job, const SlurmKeys& keys) {
  std::string out = "#!/bin/bash\n";
  out += directive("job-name", job.name) + directive("partition", keys.partition);
  out += directive("account", keys.account) + directive("time", keys.time);
  out += directive("nodes", count(job.machines)) + directive("ntasks-per-node", count(job.ranks));
  out += directive("cpus-per-task", count(job.cpus)) + directive("mem", job.memory);
  out += directive("output", cat(job.name, "-%j.log")) + directive("open-mode", "append");
  out += "#SBATCH --requeue\n";
  out += cat("# ", keys.save_seconds,
             " s before the time limit every rank gets TERM: the run is saved and stops.\n");
  out += directive("signal", cat("TERM@", keys.save_seconds));
  const std::string cpus = job.cpus > 0 ? cat(" --cpus-per-task=", job.cpus) : "";
  out += cat("\nsrun --kill-on-bad-exit=1", cpus, " ", shell_line(job.words), "\ncode=$?\n");
  out += cat("# 75: a rank was lost; 143: stopped after saving. Both go on from the newest checkpoint.\n",
             "if { [ \"$code\" = 75 ] || [ \"$code\" = 143 ]; } && [ \"${SLURM_RESTART_COUNT:-0}\" -lt ",
             keys.restarts, " ]; then\n  scontrol requeue \"$SLURM_JOB_ID\"\nfi\nexit \"$code\"\n");
  return out;
}

std::string trainjob_manifest(const JobShape& job, const KubernetesKeys& keys) {
  check_object_name(job.name);
  check_input(!keys.image.empty(), "no image: name the container image with una in it with --image");
  std::string out = "apiVersion: trainer.kubeflow.org/v1alpha1\nkind: TrainJob\nmetadata:\n";
  out += cat("  name: ", yaml(job.name), "\n");
  if (!keys.name_space.empty()) { out += cat("  namespace: ", yaml(keys.name_space), "\n"); }
  out += cat("spec:\n  runtimeRef:\n    name: ", yaml(keys.runtime),
             "\n  trainer:\n    image: ", yaml(keys.image), "\n    numNodes: ", job.machines,
             "\n    numProcPerNode: ", job.ranks, "\n    command:\n");
  for (const std::string& word : job.words) { out += cat("      - ", yaml(word), "\n"); }
  return out + resources(job) + volume(keys);
}

}  // namespace una::dist
