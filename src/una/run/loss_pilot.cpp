#include "una/run/loss_pilot.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "una/base/clock.h"
#include "una/base/format.h"
#include "una/base/log.h"
#include "una/base/rng.h"
#include "una/data/pack.h"
#include "una/run/prompt_ratio.h"
#include "una/run/run_ranks.h"
#include "una/train/answer_kernel.h"

namespace una::run {
namespace {

constexpr std::int64_t kAnswers = 512;

// Scored rows in random order, as far as `kAnswers` and a quarter of the rows go: more answers would judge better, at
// the price of a backward pass each.
std::vector<Row> rows_of(const data::Dataset& dataset, std::uint64_t seed) {
  const std::int64_t each = std::max<std::int64_t>(1, dataset.report().largest_group);
  const std::int64_t share =
      std::max<std::int64_t>(dataset.size() / 4, std::min(dataset.size(), kAnswers / 8));
  const std::int64_t wanted = std::max<std::int64_t>(2, std::min(kAnswers / each, share));
  const Permutation order(static_cast<std::uint64_t>(dataset.size()), seed, 0);
  std::vector<Row> out;
  for (std::int64_t i = 0; i < std::min(dataset.size(), 8 * kAnswers) && std::ssize(out) < wanted; ++i) {
    Row row = dataset.row(static_cast<std::int64_t>(order(static_cast<std::uint64_t>(i))));
    if (row.unit == Unit::kGroup || row.unit == Unit::kScore) { out.push_back(std::move(row)); }
  }
  return out;
}

// Every bit of it, infinity too.
std::string exact_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%a", value);
  return text;
}

}  // namespace

void run_pilot(const data::Dataset& dataset, train::StepRunner& runner, objective::Objective& objective,
               std::uint64_t seed, dist::Ranks& ranks) {
  const double begin = monotonic_seconds();
  JudgedAnswers judged;
  std::vector<Sequence> answers;
  std::int64_t prompts = 0, groups = 0;
  for (const Row& row : rows_of(dataset, seed)) {
    const std::vector<SequenceMeta> table = data::table_of(row);
    for (const double reward : objective.pilot_rewards(table)) {
      judged.rewards.push_back(reward);
      judged.prompts.push_back(prompts);
    }
    ++prompts;
    groups += table.size() > 1 ? 1 : 0;
    answers.insert(answers.end(), row.sequences.begin(), row.sequences.end());
  }
  if (groups < 2) {
    log_info("pilot      no two prompts with several scored answers: lambda follows from running variances");
    return;
  }
  judged.kernel = train::answer_kernel(runner, answers, seed);
  const RatioChoice choice = choose_ratio(judged);
  objective.set_prompt_ratio(std::strtod(share(ranks, exact_text(choice.ratio)).c_str(), nullptr));
  log_info(cat("pilot      una_f shrunk: ", choice.text(), "; ", answers.size(), " answers to ", prompts,
               " prompts, ", fixed(monotonic_seconds() - begin, 1), " s"));
}

}  // namespace una::run
