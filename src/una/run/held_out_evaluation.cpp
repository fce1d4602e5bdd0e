#include "una/run/held_out_evaluation.h"

#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/hash.h"
#include "una/base/log.h"
#include "una/base/os/interrupt.h"
#include "una/eval/statistics.h"

namespace una::run {
namespace {

constexpr std::uint64_t kSeed = 42;  // of the intervals: equal answers have equal bounds

// The first failure among answers none of which has a score; "" where one has.
std::string failure_of_all(const std::vector<rollout::Group>& groups) {
  std::string first = "there is no answer";
  for (const rollout::Group& group : groups) {
    for (const rollout::Answer& answer : group.answers) {
      if (answer.scored) { return ""; }
      if (!answer.failure.empty() && first == "there is no answer") { first = answer.failure; }
    }
  }
  return first;
}

}  // namespace

HeldOutEvaluation::HeldOutEvaluation(eval::HeldOut parts, std::string samples_file, dist::Gang& gang)
    : parts_(std::move(parts)), samples_file_(std::move(samples_file)), gang_(gang) {
  if (gang.size() > 1) { return; }
  parts_.sampling.on_group = [](const rollout::Group&) {
    if (interrupted()) {
      throw Interrupted("stopped during an evaluation, which is made again by the resumed run");
    }
  };
}

std::string HeldOutEvaluation::content_hash() const {
  Hasher hasher;
  hasher.add_number(static_cast<std::uint64_t>(parts_.sampling.num_generations));
  for (const rollout::Prompt& prompt : *parts_.prompts) {
    hasher.add({reinterpret_cast<const char*>(prompt.ids.data()), prompt.ids.size() * sizeof(std::int32_t)});
  }
  return hasher.hex();
}

MetricSums HeldOutEvaluation::evaluate(std::int64_t step) {
  eval::HeldOutAnswers now = eval::answer_held_out(parts_);
  const std::string failure = parts_.reward->comparer() == nullptr ? failure_of_all(now.groups) : "";
  if (!failure.empty()) {
    const std::string sentence =
        cat("the evaluation's reward (", parts_.reward->description(),
            ") scored none of the answers of step ", step, "; the first failure: ", failure);
    check_input(step > 0, sentence);
    log_warning(sentence);
  }
  if (step == 0) { start_ = wins::start_answers(now.groups); }
  add_wins(step, now.groups, now.metrics);
  if (gang_.leads() && !samples_file_.empty()) { write_samples(step, now.groups); }
  return std::move(now.metrics);
}

void HeldOutEvaluation::add_wins(std::int64_t step, const std::vector<rollout::Group>& groups,
                                 MetricSums& metrics) {
  if (!start_) { return; }  // the run was begun by a version that did not keep the answers of step 0
  reward::Comparer* comparer = parts_.reward->comparer();
  const wins::PromptShares won = comparer == nullptr ? wins::shares_against(*start_, groups)
                                                     : wins::shares_against(*start_, groups, *comparer);
  metrics.add("win_rate_missing", static_cast<double>(won.missing), static_cast<double>(groups.size()));
  if (won.shares.empty()) {
    log_warning(cat("step ", step, ": no held-out prompt has a verdict against step 0"));
    return;
  }
  const eval::Interval rate = eval::mean_interval(won.shares, kSeed);
  metrics.add("win_rate", rate.mean);
  metrics.add("win_rate_low", rate.low);
  metrics.add("win_rate_high", rate.high);
}

// The file is cut back where the first evaluation of this process writes to it.
void HeldOutEvaluation::write_samples(std::int64_t step, const std::vector<rollout::Group>& groups) {
  if (!samples_) { samples_.emplace(samples_file_, step - 1); }
  samples_->add(step, groups);
}

}  // namespace una::run
