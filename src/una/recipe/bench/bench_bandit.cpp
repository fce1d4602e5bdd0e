#include "una/recipe/bench/bench_bandit.h"
#include "una/kernels/threads.h"
#include "una/recipe/command_line.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/log.h"
#include "una/objective/methods.h"
#include "una/online/bandit.h"
#include "una/run/training_run.h"

namespace una::recipe {
namespace {

constexpr double kReached = 0.03;  // regret of a method that finds the optimum
constexpr double kMissed = 0.10;   // regret that a control must stay above

// The keys of `una bench bandit`.
struct BanditOptions {
  std::vector<std::string> methods;
  std::int64_t seeds = 5, steps = 4000, prompts = 8, answers = 32, threads = 1;
  double learning_rate = 0;
  template <class V>
  void fields(V&& v) {
    v("methods", methods, "some of the cases; empty: all");
    v("seeds", seeds, "worlds, from seed 1");
    v("steps", steps, "rounds of one step each");
    v("prompts", prompts, "prompts, 1 to 16");
    v("answers", answers, "answers per prompt and round");
    v("learning_rate", learning_rate, "0: each case's own");
    v("threads", threads, "compute threads");
  }
};

// Results of one case over its seeds.
struct Line {
  std::vector<double> regrets;
  double kl = 0, seconds = 0;

  double mean() const {
    double sum = 0;
    for (const double regret : regrets) { sum += regret; }
    return sum / static_cast<double>(regrets.size());
  }
  double least() const { return *std::min_element(regrets.begin(), regrets.end()); }
  double most() const { return *std::max_element(regrets.begin(), regrets.end()); }
};

Line run_case(online::BanditCase one, const BanditOptions& options) {
  if (options.learning_rate > 0) { one.learning_rate = options.learning_rate; }
  Line line;
  const double begin = monotonic_seconds();
  const online::BanditBudget budget{
      .prompts = options.prompts, .answers = options.answers, .steps = options.steps};
  for (std::int64_t seed = 1; seed <= options.seeds; ++seed) {
    const online::BanditResult result = online::run_bandit(one, budget, static_cast<std::uint64_t>(seed));
    line.regrets.push_back(result.regret());
    line.kl += result.kl / static_cast<double>(options.seeds);
  }
  line.seconds = monotonic_seconds() - begin;
  return line;
}

bool wanted(const std::string& name, const BanditOptions& options) {
  return options.methods.empty() ||
         std::find(options.methods.begin(), options.methods.end(), name) != options.methods.end();
}

}  // namespace

HelpPage bench_bandit_help() {
  return options_page<BanditOptions>("usage: una bench bandit [--methods ...] [--seeds 5] [--steps 4000]");
}

int bench_bandit(const Arguments& arguments) {
  const auto options = read_command<BanditOptions>(arguments, {});
  check_input(options.seeds >= 1 && options.steps >= 1, "bench bandit: seeds and steps must be at least 1");
  check_input(options.prompts >= 1 && options.prompts <= 16, "bench bandit: prompts must be 1 to 16");
  check_input(options.answers >= 2, "bench bandit: answers must be at least 2");
  std::vector<std::string> names;
  for (const online::BanditCase& one : online::bandit_cases()) { names.push_back(one.name); }
  for (const std::string& name : options.methods) { objective::choose("methods", name, names); }
  kernels::set_threads(options.threads);
  std::printf("%s", cat("| case | regret, mean of ", options.seeds,
                        " | least | most | KL, nats | seconds | |\n|---|---|---|---|---|---|---|\n")
                        .c_str());
  bool kept = true;
  for (const online::BanditCase& one : online::bandit_cases()) {
    if (!wanted(one.name, options)) { continue; }
    const Line line = run_case(one, options);
    const bool as_promised = one.must_reach ? line.mean() <= kReached : line.least() > kMissed;
    kept &= as_promised;
    const auto percent = [](double share) { return fixed(100 * share, 1) + " %"; };
    std::printf("%s", cat("| ", one.name, " | ", percent(line.mean()), " | ", percent(line.least()), " | ",
                          percent(line.most()), " | ", fixed(line.kl, 2), " | ", fixed(line.seconds, 0),
                          " | ", one.must_reach ? "at most 3 %" : "a control: above 10 %",
                          as_promised ? "" : ", NOT SO", " |\n")
                          .c_str());
    std::fflush(stdout);
  }
  return kept ? 0 : 1;
}

}  // namespace una::recipe
