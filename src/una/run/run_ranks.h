#pragma once

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

// run_training of training_run.h as one of several ranks. `stop_at` above 0: the run pauses at that step with a checkpoint,
// to go on from it as if it had not stopped; the result is written when it has reached its end.
int run_training(const setup::RunConfig& config, dist::Ranks& ranks, std::int64_t stop_at = 0);

// The same in this process, which is one rank or the only one; or, where keys or launcher ask for
// ranks of this machine, in processes of this program with `arguments`, the words of the command. Returns the exit
// code.
int run_training_by_ranks(const setup::RunConfig& config, const setup::RankOptions& ranks,
                          const std::vector<std::string>& arguments, std::int64_t stop_at = 0);

// Which rank of a training run this process is, by the keys and the launcher's variables. InputError where the run
// cannot be done by several ranks.
dist::Launch launch_of(const setup::RunConfig& config, const setup::RankOptions& ranks);

// Meets the other ranks and says in one log line what was found. Lines of a rank that does not lead are held until
// open_rank_log.
std::unique_ptr<dist::Ranks> meet_ranks(const setup::RankOptions& options, const dist::Launch& launch);

// The lines of a rank that does not lead go to `output_dir`/rank-N.log from here on.
void open_rank_log(const dist::Ranks& ranks, const std::string& output_dir);

// Compute threads: --threads, or this rank's share of its machine's processors. OMP_NUM_THREADS is not looked at:
// torchrun sets it to 1 by itself.
void set_rank_threads(const setup::RunConfig& config, dist::Ranks& ranks);
std::string threads_text(const dist::Ranks& ranks);  // "2", or "2 ranks of 1" for several

// InputError that names the first rank whose entry differs from rank 0's. `sentence` says what that means.
void check_same(dist::Ranks& ranks, const std::map<std::string, std::string>& own,
                const std::string& sentence);
// The same for the settings of the run, as they were given.
void check_same_settings(dist::Ranks& ranks, const setup::RunConfig& config);

// What rank 0 gives, on every rank.
std::string share(dist::Ranks& ranks, const std::string& text);

// Sampling and rewards of an online run, dealt over the ranks.
void deal_sampling(const setup::TextSetup& text, OnlineSetup& setup, const train::TrainableSet& set,
                   dist::Ranks& ranks);

// The signal that stopped the run, on every rank: the first that any of them saw.
int agreed_signal(dist::Ranks& ranks);

}  // namespace una::run
