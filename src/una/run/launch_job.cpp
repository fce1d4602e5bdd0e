#include "una/run/launch_job.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/dist/job_files.h"
#include "una/setup/methods.h"
#include "una/setup/rank_options.h"
#include "una/setup/run_config.h"

namespace una::run {
namespace {

// The keys of `una launch` in addition to those of the command that it starts.
struct LaunchOptions {
  std::string job_name = "una", program = "una", mem;
  std::int64_t cpus_per_task = 0;
  dist::SlurmKeys slurm;
  dist::KubernetesKeys kubernetes;
  template <class V>
  void fields(V&& v) {
    v("job_name", job_name, "the job's name");
    v("program", program, "una as the machines of the cluster find it");
    v("cpus_per_task", cpus_per_task, "processors of each rank; 0: as the cluster does");
    v("mem", mem, "memory of each machine, in the scheduler's words: 64G, 64Gi");
    v("partition", slurm.partition, "slurm: the partition");
    v("account", slurm.account, "slurm: the account");
    v("time", slurm.time, "slurm: the time limit, as in 04:00:00");
    v("save_seconds", slurm.save_seconds, "slurm: seconds before the time limit at which the run is saved");
    v("restarts", slurm.restarts, "slurm: how often the job may put itself back into the queue");
    v("image", kubernetes.image, "k8s: the container image");
    v("namespace", kubernetes.name_space, "k8s: the namespace; empty: the context's");
    v("volume_claim", kubernetes.volume_claim,
      "k8s: a PersistentVolumeClaim that all pods mount; empty: none");
    v("volume_path", kubernetes.volume_path, "k8s: where they mount it");
    v("runtime", kubernetes.runtime, "k8s: the ClusterTrainingRuntime");
  }
};

bool is_training(const std::string& name) {
  const std::vector<setup::Method>& methods = setup::methods();
  return name == "train" || std::any_of(methods.begin(), methods.end(),
                                        [&](const setup::Method& method) { return method.name == name; });
}

// "--key value ..." for what was given, in the form that every shell and parser reads.
void add_words(const std::string& key, const Setting& setting, std::vector<std::string>& words) {
  words.push_back("--" + key);
  if (setting.is_list) {
    words.insert(words.end(), setting.list.begin(), setting.list.end());
  } else {
    words.push_back(setting.is_null ? "null" : setting.text);
  }
}

bool is_in(const std::vector<OptionHelp>& options, const std::string& name) {
  return std::any_of(options.begin(), options.end(), [&](const OptionHelp& one) { return one.name == name; });
}

// The command reads the file of --config by itself, and does not know keys that place ranks or counts them twice.
void check_placed_by_flags(const Settings& settings, const Settings& flags,
                           const std::vector<OptionHelp>& placing) {
  for (const OptionHelp& key : placing) {
    const Setting* setting = settings.find(key.name);
    check_input(setting == nullptr || flags.has(key.name), setting == nullptr ? "" : setting->origin,
                " places ranks: give --", key.name,
                " to una launch, since the command that the scheduler starts reads this file too");
  }
}

// The command's words without keys that only place ranks; `config` is what they and the file of --config come to.
std::vector<std::string> command_words(const std::string& program, const std::string& command,
                                       const Settings& flags, const setup::RunConfig& config,
                                       const std::vector<OptionHelp>& placing) {
  std::vector<std::string> words = {program, command};
  for (const auto& [key, setting] : flags.all()) {
    if (!is_in(placing, key) && key != "dry_run") { add_words(key, setting, words); }
  }
  if (!flags.has("dry_run")) { words.insert(words.end(), {"--dry_run", "false"}); }  // the file's is true
  if (config.run.resume_from_checkpoint.empty()) {
    words.insert(words.end(), {"--resume_from_checkpoint", "auto"});
  }
  return words;
}

}  // namespace

std::vector<OptionHelp> launch_keys() {
  std::vector<OptionHelp> keys = describe_options(LaunchOptions{});
  for (OptionHelp& key : describe_options(setup::RankOptions{})) { keys.push_back(std::move(key)); }
  return keys;
}

std::string job_text(const std::vector<std::string>& arguments) {
  const std::vector<OptionHelp> placing = launch_keys();
  const std::string scheduler = arguments.empty() ? "" : arguments[0];
  check_input(scheduler == "slurm" || scheduler == "k8s", "una launch '", scheduler,
              "': give slurm or k8s, then the command (una launch --help)");
  check_input(arguments.size() > 1 && is_training(arguments[1]), "una launch ", scheduler,
              ": the training command is missing, as in una launch ", scheduler, " dpo ... --dry_run");
  const std::string& command = arguments[1];
  const std::vector<std::string> rest(arguments.begin() + 2, arguments.end());
  std::vector<OptionHelp> own = describe_options(LaunchOptions{});
  for (OptionHelp& key : setup::command_keys()) { own.push_back(std::move(key)); }
  Settings settings;
  const setup::RunConfig config =
      setup::read_run_config(rest, command == "train" ? "" : command, {.own = own, .also = {}}, settings);
  check_input(config.run.dry_run,
              "una launch prints what the scheduler is given and submits nothing: add --dry_run and hand it "
              "on (una launch slurm ... --dry_run > job.sbatch; sbatch job.sbatch)");
  LaunchOptions options;
  setup::RankOptions ranks;
  read_options(settings, options);
  read_options(settings, ranks);
  std::vector<OptionHelp> known = describe_options(config);
  known.insert(known.end(), own.begin(), own.end());
  known.push_back(setup::config_key());
  const Settings flags = parse_flags(rest, known, setup::option_aliases(), nullptr);
  check_placed_by_flags(settings, flags, placing);
  const dist::JobShape job{.name = options.job_name,
                           .words = command_words(options.program, command, flags, config, placing),
                           .machines = std::max<std::int64_t>(1, ranks.nnodes),
                           .ranks = std::max<std::int64_t>(1, ranks.nproc),
                           .cpus = options.cpus_per_task,
                           .memory = options.mem};
  return scheduler == "slurm" ? dist::sbatch_script(job, options.slurm)
                              : dist::trainjob_manifest(job, options.kubernetes);
}

}  // namespace una::run
