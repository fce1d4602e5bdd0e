#include "una/run/run_ranks.h"

#include <algorithm>
#include <set>

#include <ATen/Parallel.h>

#include "una/base/duration.h"
#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/base/log.h"
#include "una/base/log_file.h"
#include "una/base/options.h"
#include "una/base/os/cpus.h"
#include "una/base/os/host.h"
#include "una/base/os/interrupt.h"
#include "una/dist/local_ranks.h"
#include "una/dist/machine.h"
#include "una/kernels/threads.h"
#include "una/online/dealt.h"
#include "una/run/training_run.h"

namespace una::run {
namespace {

constexpr const char* kSameSettings = "every rank must be started with the same settings";

// Machines of the gang with their ranks: "a (0, 1), b (2, 3)".
std::string machines(const dist::Ranks& gang, const std::vector<std::string>& hosts) {
  std::vector<std::string> names;
  std::map<std::string, std::vector<std::string>> ranks;
  for (int rank = 0; rank < gang.size(); ++rank) {
    const std::string& host = hosts[static_cast<std::size_t>(rank)];
    if (ranks[host].empty()) { names.push_back(host); }
    ranks[host].push_back(std::to_string(rank));
  }
  std::vector<std::string> parts;
  for (const std::string& name : names) { parts.push_back(cat(name, " (", join(ranks[name], ", "), ")")); }
  return join(parts, ", ");
}

// The settings that every rank must share: all but those that say where a process runs.
std::map<std::string, std::string> shared_settings(const setup::RunConfig& config) {
  static const std::set<std::string> kOwn = {"threads"};
  std::map<std::string, std::string> out;
  for (const OptionHelp& option : describe_options(config)) {
    if (kOwn.count(option.name) == 0) { out[option.name] = option.fallback; }
  }
  return out;
}

}  // namespace

dist::Launch launch_of(const setup::RankOptions& ranks, const std::string& device,
                       const std::vector<std::string>& files) {
  const dist::LaunchKeys keys{ranks.nproc, ranks.nnodes, ranks.node_rank, ranks.master_addr,
                              ranks.master_port};
  const bool card = device != "cpu";
  const dist::Machine machine{available_cpus(), dist::numa_nodes(), card};
  const dist::Launch launch = dist::read_launch(keys, machine, dist::process_variable);
  if (launch.size == 1) { return launch; }
  check_input(!card, "device ", device, ": several ranks compute on CPUs only, so far; ",
              "start one process for one card");
  for (const std::string& file : files) {
    check_input(file != "-", "--data -: standard input goes to one process; several ranks need a file");
  }
  check_input(ranks.ddp_timeout > 0, "ddp_timeout is ", ranks.ddp_timeout, ": give seconds, 1 or more");
  return launch;
}

std::unique_ptr<dist::Ranks> meet_ranks(const setup::RankOptions& options, const dist::Launch& launch) {
  if (launch.rank > 0) {
    hold_log();
    set_verbosity(Verbosity::kQuiet);  // and no progress bars
  }
  std::unique_ptr<dist::Ranks> ranks =
      dist::make_ranks(launch, {.deadline = std::chrono::seconds(options.ddp_timeout)});
  if (launch.size == 1) { return ranks; }
  const std::vector<std::string> hosts = ranks->gather_all(host_name());
  if (ranks->leads()) {
    log_info(cat("ranks      ", launch.size, " ranks, by ", launch.by, ": ", machines(*ranks, hosts)));
  } else {
    log_info(cat("ranks      ", dist::describe(launch, host_name())));
  }
  return ranks;
}

void open_rank_log(const dist::Ranks& gang, const std::string& output_dir) {
  if (gang.leads()) { return; }
  try {
    make_folder(output_dir);  // of a machine that does not share it
  } catch (const InputError& error) { log_warning(error.what()); }
  write_log_to(cat(output_dir, "/rank-", gang.rank(), ".log"));
}

void set_rank_threads(std::int64_t given, dist::Ranks& gang) {
  if (gang.size() == 1) { return kernels::set_threads(given); }
  std::vector<dist::Processors> ranks;
  for (const std::string& one : gang.gather_all(dist::print(dist::own_processors()))) {
    ranks.push_back(dist::parse_processors(one));
  }
  if (given > 0) { return kernels::set_threads(given); }
  const int threads = dist::threads_of_rank(ranks, gang.rank());
  const std::string variable = dist::process_variable("OMP_NUM_THREADS");
  const std::string passed = variable.empty() ? "" : cat("; OMP_NUM_THREADS=", variable, " is not used");
  log_info(cat("threads    ", threads, " a rank, of ", ranks[static_cast<std::size_t>(gang.rank())].usable,
               " processors, with ", gang.local_size(), " ranks on this machine", passed));
  kernels::set_threads(threads);
}

std::string threads_text(const dist::Ranks& gang) {
  const std::string own = std::to_string(at::get_num_threads());
  return gang.size() == 1 ? own : cat(gang.size(), " ranks of ", own);
}

void check_same(dist::Ranks& gang, const std::map<std::string, std::string>& own,
                const std::string& sentence) {
  if (gang.size() == 1) { return; }
  const std::vector<std::string> all = gang.gather_all(Json(own).dump());
  const auto first = Json::parse(all.front()).get<std::map<std::string, std::string>>();
  for (int rank = 1; rank < gang.size(); ++rank) {
    const auto other =
        Json::parse(all[static_cast<std::size_t>(rank)]).get<std::map<std::string, std::string>>();
    for (const auto& [key, value] : first) {
      const auto found = other.find(key);
      check_input(found != other.end() && found->second == value, gang.name(rank), ": ", key, " is ",
                  found == other.end() ? "missing" : found->second, ", but ", value, " on ", gang.name(0),
                  "; ", sentence);
    }
  }
}

void check_same_settings(dist::Ranks& gang, const setup::RunConfig& config) {
  check_same(gang, shared_settings(config), kSameSettings);
}

std::string share(dist::Ranks& gang, const std::string& text) { return gang.gather_all(text).front(); }

void deal_sampling(const setup::TextSetup& text, OnlineSetup& setup, const train::TrainableSet& set,
                   dist::Ranks& ranks) {
  if (setup.answers == nullptr) {
    setup.answers = rollout::make_model_source(*set.model, set.policy, &text.tokenizer());
  }
  setup.answers = online::deal_source(std::move(setup.answers), ranks);
  setup.rewards.reward = online::deal_reward(std::move(setup.rewards.reward), ranks);
}

std::string exchange_line(dist::Ranks& gang, double before, double seconds) {
  if (gang.size() == 1) { return ""; }
  constexpr int kShown = 8;
  const double share = 100 * (gang.seconds_in_calls() - before) / std::max(1e-9, seconds);
  const std::vector<std::string> all = gang.gather_all(fixed(share, 1));
  std::vector<std::string> shown;
  for (int rank = 0; rank < std::min(kShown, gang.size()); ++rank) {
    shown.push_back(cat(all[static_cast<std::size_t>(rank)], " % rank ", rank));
  }
  return cat("exchanges  ", join(shown, ", "), gang.size() > kShown ? ", ..." : "",
             " of the time, with waiting for each other");
}

std::string optimiser_line(const train::FlatBuffer& buffer, const dist::Gang& gang) {
  if (gang.size() == 1) { return ""; }
  const double each = 2.0 * static_cast<double>(c10::elementSize(buffer.values().scalar_type()));
  const std::string whole = human_bytes(each * static_cast<double>(buffer.size()));
  if (buffer.parts() == 1) {
    return cat("optimiser  moments whole on each rank, ", whole, " (zero_stage 0)");
  }
  return cat("optimiser  moments split over ", gang.size(), " ranks, ",
             human_bytes(each * static_cast<double>(buffer.own_size())), " a rank instead of ", whole,
             " (zero_stage 1)");
}

int agreed_signal(dist::Ranks& gang) {
  for (const std::string& one : gang.gather_all(std::to_string(interrupt_signal()))) {
    if (one != "0") { return std::stoi(one); }
  }
  return 0;
}

int run_training_by_ranks(const setup::RunConfig& given, const setup::RankOptions& options,
                          const setup::StopOptions& stop, const setup::ZeroOptions& zero,
                          const std::vector<std::string>& arguments) {
  setup::RunConfig config = given;
  check_input(stop.stop_at_step >= 0, "stop_at_step must not be negative");
  const Stops stops{
      .save_before = stop.save_before.empty() ? 0 : parse_duration(stop.save_before, "save_before"),
      .at_step = stop.stop_at_step};
  if (config.run.resume_from_checkpoint.empty() && dist::is_restart(dist::process_variable)) {
    config.run.resume_from_checkpoint = "auto";
  }
  const dist::Launch launch = launch_of(options, config.model.device, config.data.dataset_name);
  const bool split_moments = setup::splits_moments(zero, config.model.use_peft);
  return run_by_ranks(options, launch, arguments, [&](dist::Ranks& ranks) {
    check_same(ranks, {{"zero_stage", zero.zero_stage}}, kSameSettings);
    return run_training(config, ranks, stops, split_moments);
  });
}

int run_by_ranks(const setup::RankOptions& options, const dist::Launch& launch,
                 const std::vector<std::string>& words, const std::function<int(dist::Ranks&)>& work) {
  if (launch.starts > 0) { return dist::run_local_ranks(launch, words); }
  const std::unique_ptr<dist::Ranks> ranks = meet_ranks(options, launch);
  return dist::run_together(*ranks, [&] {
    const int code = work(*ranks);
    ranks->wait_for_work();  // rank 0 writes the result
    return code;
  });
}

}  // namespace una::run
