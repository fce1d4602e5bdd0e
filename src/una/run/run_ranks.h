#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "una/dist/launch.h"
#include "una/dist/ranks.h"
#include "una/run/online_setup.h"
#include "una/setup/rank_options.h"
#include "una/setup/run_config.h"

namespace una::run {

// When a run ends before its last step, with a checkpoint from which it goes on as if it had not stopped.
struct Stops {
  double save_before = 0;    // seconds since the program began; 0: never
  std::int64_t at_step = 0;  // the result is written when the run has reached its end; 0: never
};

// run_training of training_run.h as one of several ranks. `split_moments`: the optimiser's state over the ranks.
int run_training(const setup::RunConfig& config, dist::Ranks& ranks, const Stops& stops = {},
                 bool split_moments = false);

// The same in this process, which is one rank or the only one; or, where keys or launcher ask for
// ranks of this machine, in processes of this program with `arguments`, the words of the command. Returns the exit
// code.
int run_training_by_ranks(const setup::RunConfig& given, const setup::RankOptions& options,
                          const setup::StopOptions& stop, const setup::ZeroOptions& zero,
                          const std::vector<std::string>& arguments);

// Which rank of a command this process is, by the keys and the launcher's variables. InputError where several ranks
// cannot do it: on `device`, or with rows from standard input among `files`.
dist::Launch launch_of(const setup::RankOptions& ranks, const std::string& device,
                       const std::vector<std::string>& files);

// Does a command's work as one of the ranks, or starts the ranks of this machine with `words`, the command and its
// arguments. Returns the exit code.
int run_by_ranks(const setup::RankOptions& options, const dist::Launch& launch,
                 const std::vector<std::string>& words, const std::function<int(dist::Ranks&)>& work);

// Meets the other ranks and says in one log line what was found. Lines of a rank that does not lead are held until
// open_rank_log.
std::unique_ptr<dist::Ranks> meet_ranks(const setup::RankOptions& options, const dist::Launch& launch);

// The lines of a rank that does not lead go to `output_dir`/rank-N.log from here on.
void open_rank_log(const dist::Ranks& gang, const std::string& output_dir);

// Compute threads: --threads, or this rank's share of its machine's processors. OMP_NUM_THREADS is not looked at:
// torchrun sets it to 1 by itself.
void set_rank_threads(std::int64_t given, dist::Ranks& gang);
std::string threads_text(const dist::Ranks& gang);  // "2", or "2 ranks of 1" for several

// InputError that names the first rank whose entry differs from rank 0's. `sentence` says what that means.
void check_same(dist::Ranks& gang, const std::map<std::string, std::string>& own,
                const std::string& sentence);
// The same for the settings of the run, as they were given.
void check_same_settings(dist::Ranks& gang, const setup::RunConfig& config);

// What rank 0 gives, on every rank.
std::string share(dist::Ranks& gang, const std::string& text);

// Sampling and rewards of an online run, dealt over the ranks.
void deal_sampling(const setup::TextSetup& text, OnlineSetup& setup, const train::TrainableSet& set,
                   dist::Ranks& ranks);

// For the log: what share of the last `seconds` each rank has spent in collectives since `before` (its seconds_in_calls
// then). "" for one rank. Every rank calls it.
std::string exchange_line(dist::Ranks& gang, double before, double seconds);

// For the log: how the optimiser's state is stored. "" for one rank.
std::string optimiser_line(const train::FlatBuffer& buffer, const dist::Gang& gang);

// The signal that stopped the run, on every rank: the first that any of them saw.
int agreed_signal(dist::Ranks& gang);

}  // namespace una::run
