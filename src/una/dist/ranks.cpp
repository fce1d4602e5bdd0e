#include "una/dist/ranks.h"

#include <cstdio>
#include <cstdlib>

#include "una/base/ending.h"
#include "una/base/error.h"
#include "una/dist/c10d_gang.h"

namespace una::dist {
namespace {

// One process that trains alone.
class OneRank final : public Ranks {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  int local_rank() const override { return 0; }
  int local_size() const override { return 1; }
  std::string name(int /*rank*/) const override { return "this process"; }
  void sum(std::span<double> /*inout*/) override {}
  void sum(at::Tensor& /*inout*/) override {}
  void broadcast(at::Tensor& /*inout*/, int /*root*/) override {}
  void gather_parts(at::Tensor& /*whole*/) override {}
  bool any(bool mine) override { return mine; }
  std::vector<std::string> gather(const std::string& bytes, int /*root*/) override { return {bytes}; }
  std::vector<std::string> gather_all(const std::string& bytes) override { return {bytes}; }
  void barrier() override {}
  void wait_for_work() override {}
  double seconds_in_calls() const override { return 0; }
  void abort(int exit_code) noexcept override { std::_Exit(exit_code); }
  [[noreturn]] void end(int exit_code, const std::string& why) noexcept override {
    std::fprintf(stderr, "una: %s\n", why.c_str());
    std::fflush(stderr);
    std::_Exit(exit_code);
  }
};

}  // namespace

std::unique_ptr<Ranks> make_ranks(const Launch& launch, const RanksOptions& options) {
  check(launch.starts == 0, "a process that starts ranks is not one of them");
  if (launch.size == 1) { return std::make_unique<OneRank>(); }
  hide_launch_from_children();
  RanksOptions chosen = options;
  chosen.checked = chosen.checked || process_variable("UNA_CHECK_CALLS") == "1";
  return make_c10d_gang(launch, chosen);
}

int run_together(Ranks& ranks, const std::function<int()>& work) {
  if (ranks.size() == 1) { return work(); }
  try {
    return work();
  } catch (...) {
    const Ending ending = ending_of(std::current_exception());
    ranks.end(ending.exit_code, ending.sentence);
    std::abort();  // not reached: g++ 12 does not see that a virtual call does not return
  }
}

void check_one_process(const std::string& what) {
  const Launch launch = read_launch({}, {}, process_variable);
  check_input(launch.size == 1, what, " runs in one process, but a launcher started several (", launch.by,
              ", ", launch.size, " ranks): start it without the launcher");
}

}  // namespace una::dist
