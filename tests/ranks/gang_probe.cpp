// One rank of a gang for the tests of this folder: gang_probe MODE [RANK]. The launcher's variables tell who it is.
//   check        every collective, then "rank R of N: ok"
//   call         collectives without end: a rank waits in one most of the time
//   compute      no collective: the main thread is busy elsewhere
//   throw RANK   that rank throws an InputError, the others are in a collective
//   throw-late RANK  the same after a second
//   throw-all    every rank throws the same InputError
//   threads      prints the compute threads of this rank
//   bench MB     rank 0 prints the best and mean milliseconds of a vote, of a sum of so many MB of fp32 and of gathering
//                as many from all ranks
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>

#include "una/base/clock.h"
#include "una/base/ending.h"
#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/os/host.h"
#include "una/base/os/interrupt.h"
#include "una/dist/machine.h"
#include "una/dist/ranks.h"

namespace {

using una::cat;
using una::check;
using una::dist::Ranks;

int check_collectives(Ranks& gang) {
  const int size = gang.size(), own = gang.rank();
  std::vector<double> numbers = {1.0, 1.0 * own};
  gang.sum(numbers);
  check(numbers[0] == size && numbers[1] == size * (size - 1) / 2.0, "a sum of numbers");
  at::Tensor tensor = at::full({100'000}, own + 1.0);
  gang.sum(tensor);
  check(tensor.equal(at::full({100'000}, size * (size + 1) / 2.0)), "a sum of tensors");
  gang.broadcast(tensor.fill_(own), size - 1);
  check(tensor.equal(at::full({100'000}, size - 1.0)), "a broadcast");
  at::Tensor parts = at::full({size * std::int64_t{1000}}, -1.0);
  parts.narrow(0, own * std::int64_t{1000}, 1000).fill_(own);
  gang.gather_parts(parts);
  for (int rank = 0; rank < size; ++rank) {
    check(parts.narrow(0, rank * std::int64_t{1000}, 1000).equal(at::full({1000}, 1.0 * rank)),
          "a gathering of parts");
  }
  check(gang.any(own == size - 1) && !gang.any(false), "a vote");
  const std::vector<std::string> all = gang.gather_all(cat("rank ", own));
  for (int rank = 0; rank < size; ++rank) {
    check(all[static_cast<std::size_t>(rank)] == cat("rank ", rank), "a gathering");
  }
  gang.barrier();
  std::printf("rank %d of %d: ok\n", own, size);
  return 0;
}

void tell(const Ranks& gang) {
  std::fprintf(stderr, "ready %d\n", gang.rank());
  std::fflush(stderr);
}

int call_without_end(Ranks& gang) {
  tell(gang);
  for (;;) {
    gang.any(false);
    std::this_thread::sleep_for(
        std::chrono::milliseconds(gang.rank() == 0 ? 50 : 0));  // the others wait for it
  }
}

int compute_without_end(const Ranks& gang) {
  tell(gang);
  for (;;) { std::this_thread::sleep_for(std::chrono::seconds(1)); }
}

int throw_in(Ranks& gang, int rank) {
  tell(gang);
  una::check_input(rank != gang.rank() && rank >= 0, "rows.jsonl:3: no prompt");
  for (;;) { gang.any(false); }
}

int throw_late_in(Ranks& gang, int rank) {
  tell(gang);
  if (gang.rank() == rank) {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    throw una::InputError("rows.jsonl:3: no prompt");
  }
  for (;;) { gang.any(false); }
}

int print_threads(Ranks& gang) {
  std::vector<una::dist::Processors> ranks;
  for (const std::string& one : gang.gather_all(una::dist::print(una::dist::own_processors()))) {
    ranks.push_back(una::dist::parse_processors(one));
  }
  std::printf("%d\n", una::dist::threads_of_rank(ranks, gang.rank()));
  return 0;
}

// Best and mean milliseconds of a call.
template <class Call>
std::pair<double, double> time_of(const Call& call) {
  constexpr int kTries = 20;
  double best = 1e9, sum = 0;
  for (int i = 0; i < kTries; ++i) {
    const double begin = una::monotonic_seconds();
    call();
    const double spent = 1000 * (una::monotonic_seconds() - begin);
    best = std::min(best, spent);
    sum += spent;
  }
  return {best, sum / kTries};
}

int bench(Ranks& gang, int megabytes) {
  at::Tensor tensor = at::full({std::int64_t{megabytes} << 18}, 1.0F);
  gang.sum(tensor);  // connections are made at the first call
  const auto [vote, mean_vote] = time_of([&] { gang.any(false); });
  const auto [sum, mean_sum] = time_of([&] { gang.sum(tensor); });
  at::Tensor whole = tensor.narrow(0, 0, tensor.numel() / gang.size() * gang.size());
  const auto [parts, mean_parts] = time_of([&] { gang.gather_parts(whole); });
  if (gang.leads()) {
    std::printf(
        "%d ranks: a vote %.3f ms (mean %.3f), a sum of %d MB %.2f ms (mean %.2f), a gathering of its parts "
        "%.2f ms (mean %.2f)\n",
        gang.size(), vote, mean_vote, megabytes, sum, mean_sum, parts, mean_parts);
  }
  return 0;
}

int work(Ranks& gang, const std::vector<std::string>& words) {
  if (words[0] == "check") { return check_collectives(gang); }
  if (words[0] == "call") { return call_without_end(gang); }
  if (words[0] == "compute") { return compute_without_end(gang); }
  if (words[0] == "throw") { return throw_in(gang, std::stoi(words.at(1))); }
  if (words[0] == "throw-late") { return throw_late_in(gang, std::stoi(words.at(1))); }
  if (words[0] == "throw-all") { return throw_in(gang, -1); }
  if (words[0] == "threads") { return print_threads(gang); }
  if (words[0] == "bench") { return bench(gang, std::stoi(words.at(1))); }
  throw una::InputError(cat("unknown mode ", words[0]));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    una::install_interrupt_handler();
    const una::dist::Launch launch = una::dist::read_launch({}, {}, una::dist::process_variable);
    std::fprintf(stderr, "%s\n", una::dist::describe(launch, una::host_name()).c_str());
    const auto gang = una::dist::make_ranks(launch);
    return una::dist::run_together(*gang, [&] { return work(*gang, {argv + 1, argv + argc}); });
  } catch (...) {
    const una::Ending ending = una::ending_of(std::current_exception());
    std::fprintf(stderr, "una: %s\n", ending.sentence.c_str());
    return ending.exit_code;
  }
}
