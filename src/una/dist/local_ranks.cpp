#include "una/dist/local_ranks.h"

#include <csignal>
#include <cstring>
#include <optional>
#include <thread>

#include "una/base/clock.h"
#include "una/base/ending.h"
#include "una/base/format.h"
#include "una/base/log.h"
#include "una/base/os/interrupt.h"
#include "una/base/os/process.h"
#include "una/dist/network.h"

namespace una::dist {
namespace {

constexpr double kGrace = 15;  // seconds: longer than it takes the ranks to notice that one is gone

// The ranks of this machine while they run.
class LocalRanks {
 public:
  LocalRanks(Launch launch, const std::vector<std::string>& arguments) : launch_(std::move(launch)) {
    if (launch_.port == 0) { launch_.port = free_port(); }
    for (int local = 0; local < launch_.starts; ++local) {
      children_.push_back(start_self(arguments, rank_variables(launch_, local)));
      results_.emplace_back();
    }
  }

  int run() {
    while (count_running() > 0) {
      hand_on_signal();
      for (std::size_t i = 0; i < children_.size(); ++i) {
        if (results_[i]) { continue; }
        const std::optional<ChildEnd> end = poll_child(children_[i]);
        results_[i] = end;
        if (end) { note_end(i, *end); }
      }
      if (first_end_ > 0 && monotonic_seconds() - first_end_ > kGrace) { signal_all(SIGKILL); }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return exit_code_;
  }

 private:
  int count_running() const {
    int count = 0;
    for (const std::optional<ChildEnd>& result : results_) { count += result ? 0 : 1; }
    return count;
  }

  void signal_all(int number) const {
    for (std::size_t i = 0; i < children_.size(); ++i) {
      if (!results_[i]) { ::kill(children_[i], number); }
    }
  }

  void hand_on_signal() {
    const int number = interrupt_signal();
    if (number == 0 || handed_on_) { return; }
    handed_on_ = true;
    signal_all(number);
  }

  // An error of one rank is why the others end: the first that is not only the loss of another rank counts.
  void note_end(std::size_t local, const ChildEnd& result) {
    if (result.exit_code == 0) { return; }
    if (first_end_ == 0) { first_end_ = monotonic_seconds(); }
    if (result.signal != 0 && first_end_ + kGrace > monotonic_seconds()) {
      log_warning(cat("rank ", launch_.rank + static_cast<int>(local), " (process ", children_[local],
                      ") was ended by signal ", result.signal, " (", ::strsignal(result.signal), ")"));
    }
    const int code = result.signal != 0 ? kExitTryAgain : result.exit_code;
    if (exit_code_ == 0 || exit_code_ == kExitTryAgain) { exit_code_ = code; }
  }

  Launch launch_;
  std::vector<pid_t> children_;
  std::vector<std::optional<ChildEnd>> results_;
  double first_end_ = 0;
  int exit_code_ = 0;
  bool handed_on_ = false;
};

}  // namespace

int run_local_ranks(const Launch& launch, const std::vector<std::string>& arguments) {
  return LocalRanks(launch, arguments).run();
}

}  // namespace una::dist
