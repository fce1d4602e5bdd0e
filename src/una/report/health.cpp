#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "una/base/format.h"
#include "una/report/html_report.h"
#include "una/report/series.h"

// Each check is a pure function of the run's series and says one sentence, or nothing. Thresholds are wide: a
// warning that cries wolf is not read twice.
namespace una::report {
namespace {

constexpr std::size_t kFewRows = 8;  // below this a trend is noise
constexpr std::size_t kSomeRows = 12;
constexpr std::size_t kManyRows = 20;

struct Run {
  const SeriesMap& all;
  const std::string& method;
  const Series& operator[](const std::string& name) const { return find_series(all, name); }
};

// A run that samples logs the rewards of its samples. It optimises a surrogate whose value need not fall.
bool samples_itself(const Run& run) { return !run["reward"].empty(); }

std::string number(double value) { return significant(value, 3); }

std::string not_finite(const Run& run) {
  for (const char* name : {"loss", "grad_norm"}) {
    const Series& series = run[name];
    for (std::size_t i = 0; i < series.size(); ++i) {
      if (std::isfinite(series.values[i])) { continue; }
      return cat(name, " was not finite at step ", series.steps[i],
                 ": lower learning_rate, or look at the rows of that step");
    }
  }
  return "";
}

std::string exploding_gradient(const Run& run) {
  const Trend norm = trend_of(run["grad_norm"]);
  if (norm.count < kFewRows || norm.start_median <= 0) { return ""; }
  if (norm.end_median < 10 * norm.start_median || norm.end_median < 1) { return ""; }
  return cat("grad_norm grew from ", number(norm.start_median), " to ", number(norm.end_median),
             ": the run is diverging; lower learning_rate or use a longer warm-up");
}

// Every gradient is exactly zero: the loss does not depend on anything that trains.
std::string no_gradient(const Run& run) {
  const Series& norm = run["grad_norm"];
  if (norm.size() < 2) { return ""; }
  const auto zeros = std::count(norm.values.begin(), norm.values.end(), 0.0);
  if (2 * zeros <= std::ssize(norm.values)) { return ""; }
  return cat(
      "grad_norm was exactly 0 in ", zeros, " of ", norm.size(),
      " logged rows: nothing was learned there; the loss may be saturated, all rewards of a group equal, or "
      "every answer empty or masked");
}

// AdamW moves each weight by about the learning rate per step, whatever the gradient.
std::string odd_learning_rate(const Run& run) {
  constexpr double kHuge = 0.1;
  const Series& rate = run["learning_rate"];
  if (rate.empty()) { return ""; }
  const double peak = *std::max_element(rate.values.begin(), rate.values.end());
  if (peak == 0 && rate.size() > 1) { return "learning_rate was 0 in all logged rows: nothing was learned"; }
  if (!(peak >= kHuge)) { return ""; }
  return cat("learning_rate reached ", number(peak),
             ", and AdamW moves every weight by about that much per step: ",
             "the model is destroyed whatever the loss shows; usual values are 1e-6 to 1e-3");
}

// KTO's estimate compares good answers with bad ones: with one kind alone nothing holds the policy back. UNA learns from good
// ones as from demonstrations, but bad ones alone tell it no more than what not to say.
std::string one_sided_labels(const Run& run) {
  const bool good = !run["rewards/chosen"].empty(), bad = !run["rewards/rejected"].empty();
  if (run.method == "una" && bad && !good) {
    return "every answer is bad: all that is learned is to make these answers less likely; look at the label column";
  }
  if (run.method != "kto" || good == bad) { return ""; }
  return cat(
      "every answer is ", good ? "good" : "bad",
      ": kto learns from the difference between good and bad answers, and with one kind alone it only makes "
      "all answers more (or less) likely; look at the label column");
}

const Series& accuracy_series(const Run& run) {
  const Series& pairs = run["rewards/accuracies"];
  return pairs.empty() ? run["accuracy"] : pairs;
}

std::string reversed_ranking(const Run& run) {
  const Trend accuracy = trend_of(accuracy_series(run));
  if (accuracy.count < kFewRows || accuracy.end > 0.4 || accuracy.end > accuracy.start) { return ""; }
  return cat("the rejected answer wins in ", percent(1 - accuracy.end, 1),
             " of the pairs: chosen and rejected may be swapped in the data");
}

std::string both_rewards_fall(const Run& run) {
  const Trend chosen = trend_of(run["rewards/chosen"]), rejected = trend_of(run["rewards/rejected"]);
  const Trend ratio = trend_of(run["log_ratio"]);
  if (std::min({chosen.count, rejected.count, ratio.count}) < kFewRows) { return ""; }
  const auto falls = [](const Trend& trend) {
    const double noise = std::sqrt(trend.start_spread + trend.end_spread);
    return trend.end < 0 && trend.start - trend.end > std::max(0.1, noise);
  };
  const bool drifts = std::abs(ratio.end) > std::abs(ratio.start) + 2;  // nats an answer
  if (!falls(chosen) || !falls(rejected) || !drifts) { return ""; }
  return cat("both rewards fall (chosen ", number(chosen.start), " to ", number(chosen.end), ", rejected ",
             number(rejected.start), " to ", number(rejected.end), ") while the mean log-ratio moves from ",
             number(ratio.start), " to ", number(ratio.end),
             ": the policy leaves the data; lower learning_rate or raise beta");
}

std::string stuck_accuracy(const Run& run) {
  const Trend accuracy = trend_of(accuracy_series(run));
  if (accuracy.count < kSomeRows || std::abs(accuracy.end - 0.5) > 0.03) { return ""; }
  return cat(
      "accuracy stays near one half (", percent(accuracy.end, 1), " at the end, after ", accuracy.count,
      " logged rows): nothing was learned about which answer is better; raise learning_rate or look at "
      "the feedback");
}

std::string overfit(const Run& run) {
  const Series& eval = run["eval_loss"];
  const Trend train = trend_of(run["loss"]);
  if (eval.size() < 4 || train.count < kFewRows || train.end >= train.start) { return ""; }
  const auto best = std::min_element(eval.values.begin(), eval.values.end());
  const auto at = static_cast<std::size_t>(best - eval.values.begin());
  const double limit = *best + std::max(0.05 * std::abs(*best), 1e-3);
  const std::size_t n = eval.size();
  if (at + 2 >= n || eval.values[n - 1] < limit || eval.values[n - 2] < limit) { return ""; }
  return cat("eval loss was best at step ", eval.steps[at], " (", number(*best), ") and is ",
             number(eval.values[n - 1]),
             " now, while the training loss falls: overfitting; take the best checkpoint "
             "(load_best_model_at_end) or train for fewer epochs");
}

std::string saturated(const Run& run) {
  const Trend share = trend_of(run["una/saturated"]);
  if (share.count < 4 || share.end < 0.5) { return ""; }
  return cat(percent(share.end, 1),
             " of the rows sit on the flat ends of the sigmoid (una/saturated), where an mse loss has no "
             "gradient: lower beta or learning_rate, or take the bce loss");
}

std::string truncated(const Run& run) {
  const Series& ratios = run["completions/clipped_ratio"];
  const Trend share = trend_of(ratios);
  const bool all_cut = !ratios.empty() && std::all_of(ratios.values.begin(), ratios.values.end(),
                                                      [](double ratio) { return ratio >= 0.999; });
  if (all_cut) {
    return cat(
        "every sampled answer is cut at the length limit, in all ", ratios.size(),
        " logged rows: rewards judge unfinished answers, and the end of an answer is never learned; raise "
        "max_completion_length");
  }
  if (ratios.empty()) { return ""; }
  const bool is_short = share.count < 4;
  const double sum = std::accumulate(ratios.values.begin(), ratios.values.end(), 0.0);
  const double cut = is_short ? sum / static_cast<double>(ratios.size()) : share.end;
  if (cut < (is_short ? 0.5 : 0.2)) { return ""; }
  return cat(percent(cut, 1),
             " of the sampled answers are cut at the length limit: raise the number of new tokens, or reward "
             "answers that end");
}

// The first round's answers come from the weights that the trainer has, so the gap starts as rounding.
std::string stale_sampler(const Run& run) {
  const Series& gaps = run["sampling/sampling_logp_difference/mean"];
  const Trend gap = trend_of(gaps);
  if (gap.count < 4 || gap.end < 0.01) { return ""; }
  if (gap.end < 0.1 && gap.end < 10 * gaps.values.front()) { return ""; }
  return cat("the sampler's log-probs are ", number(gap.end), " nats a token off the trainer's at the end, ",
             number(gaps.values.front()),
             " in the first row: the answers came from other weights than the policy's; see "
             "sampling_sync_command and sampling_model");
}

std::string length_drift(const Run& run) {
  const Trend length = trend_of(run["completions/mean_length"]);
  if (length.count < kFewRows || length.start <= 0) { return ""; }
  const double change = length.end / length.start;
  if (change < 1.5 && change > 0.5) { return ""; }
  return cat("sampled answers went from ", number(length.start), " to ", number(length.end),
             " tokens: the reward may pay for ", change > 1 ? "length" : "brevity", ", read some samples");
}

// Preference losses start with every row at the same value (policy = reference), so their spread grows from
// nothing: only a spread that was there from the start can fail to fall.
bool spread_stays(const Trend& loss, double start, double end) {
  const bool there_at_start = start > 0.1 * loss.start * loss.start;
  const bool loss_fell = loss.end < 0.9 * loss.start;
  return there_at_start && !loss_fell && end >= start;
}

std::string loss_variance(const Run& run) {
  if (!starts_with(run.method, "una") || samples_itself(run)) { return ""; }
  const Trend loss = trend_of(run["loss"]);
  const Series& logged = run["loss_variance"].empty() ? run["loss_var"] : run["loss_variance"];
  const Trend spread = trend_of(logged);
  const bool within = spread.count >= kSomeRows;
  if (loss.count < kSomeRows || (!within && loss.count < 2 * kManyRows)) { return ""; }
  const double start = within ? spread.start : loss.start_spread;
  const double end = within ? spread.end : loss.end_spread;
  if (!spread_stays(loss, start, end)) { return ""; }
  return cat("the variance of the loss does not fall (", number(start), " to ", number(end),
             "): it points at a badly calibrated reward; check the score range and the feedback");
}

// A loss can have a high floor (soft targets), so a small fall that exceeds the noise is progress.
std::string slow_convergence(const Run& run) {
  if (samples_itself(run)) { return ""; }
  const Trend loss = trend_of(run["loss"]);
  if (loss.count < kManyRows || loss.start <= 0 || loss.end < 0.95 * loss.start) { return ""; }
  const double quarter = static_cast<double>(loss.count) / 4;
  const double noise = std::sqrt((loss.start_spread + loss.end_spread) / quarter);
  const double fall = loss.start - loss.end;
  if (fall > 0.01 * loss.start && fall > 3 * noise) { return ""; }
  return cat("the loss hardly fell, from ", number(loss.start), " to ", number(loss.end),
             ": the loss may not fit the feedback, or learning_rate is too low");
}

}  // namespace

std::string cut_rows_text(std::int64_t truncated, std::int64_t kept) {
  if (kept == 0 || 2 * truncated < kept) { return ""; }
  const std::string share =
      truncated == kept
          ? "every row is"
          : cat(percent(static_cast<double>(truncated), static_cast<double>(kept)), " of the rows are");
  return cat(
      share,
      " cut to max_length (overlong): the beginning of the prompt or the end of the answer is never seen; raise "
      "max_length\n");
}

std::string health_text(const std::string& metrics_jsonl, const std::string& method) {
  std::vector<LogRow> rows;
  for (StoredLine& line : read_rows(metrics_jsonl, "metrics.jsonl")) {
    rows.push_back(std::move(line.stored.row));
  }
  const SeriesMap all = series_of(rows);
  const Run run{.all = all, .method = method};
  std::string text;
  for (const auto check : {not_finite, odd_learning_rate, no_gradient, one_sided_labels, exploding_gradient,
                           reversed_ranking, both_rewards_fall, stuck_accuracy, overfit, saturated, truncated,
                           stale_sampler, length_drift, loss_variance, slow_convergence}) {
    if (const std::string finding = check(run); !finding.empty()) { text += finding + "\n"; }
  }
  return text;
}

}  // namespace una::report
