#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "una/dist/gang.h"
#include "una/dist/launch.h"

namespace una::dist {

// A gang with what a whole run needs beyond its steps: who the ranks are, and how all of them end. Its collectives
// have a deadline: when a rank is lost or does not come they throw Retryable, which names the rank and its host.
class Ranks : public Gang {
 public:
  // Among the ranks of this machine, which are counted in the order of their ranks.
  virtual int local_rank() const = 0;
  virtual int local_size() const = 0;
  virtual std::string name(int rank) const = 0;  // "rank 3 on host b", for sentences
  // Waits for work that one rank does for all, however long it takes, as long as the ranks are alive.
  virtual void wait_for_work() = 0;
  // Of this rank so far, in collectives: what they cost, and waiting in them for ranks that come later.
  virtual double seconds_in_calls() const = 0;
  // Ends every rank with this exit code; one process of each machine prints the sentence. The first rank to call it is
  // believed.
  [[noreturn]] virtual void end(int exit_code, const std::string& why) noexcept = 0;
};

struct RanksOptions {
  std::chrono::milliseconds deadline{std::chrono::minutes(30)};  // of one collective
  std::chrono::milliseconds silence{6000};  // a rank that gives no sign of life for so long is lost
  std::chrono::milliseconds start{std::chrono::minutes(5)};  // until all ranks have come
  int engine_threads = 2;
  bool checked =
      false;  // calls are compared over the ranks first: one that differs is an error that names both
};

// The ranks that `launch` describes: one process alone, or c10d over Gloo. Retryable with the ranks that are missing
// when not all come in time. UNA_CHECK_CALLS=1 in the environment turns `checked` on.
std::unique_ptr<Ranks> make_ranks(const Launch& launch, const RanksOptions& options = {});

// Does a command's work in this rank and returns its exit code. With several ranks an exception ends all of them with
// the exit code and the sentence that the program would end with (base/ending.h); alone, it passes through.
int run_together(Ranks& ranks, const std::function<int()>& work);

// InputError when a launcher started several ranks: `what` runs in one process, and N copies of it would be worse than
// an error.
void check_one_process(const std::string& what);

}  // namespace una::dist
