#include "una/setup/target_scale.h"

#include <cmath>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/objective/kernel.h"
#include "una/objective/objective.h"
#include "una/objective/una/thumbs.h"

namespace una::setup {
namespace {

constexpr double kProbit = 1.702;  // sigma(1.702 z) is nearest to Phi(z)

}  // namespace

void TargetScale::Moments::add(double value) {
  count += 1;
  const double distance = value - mean;
  mean += distance / count;
  squares += distance * (value - mean);
}

TargetScale::TargetScale(const std::string& method, const objective::ObjectiveOptions& options)
    : method_(method), options_(options) {
  const bool is_una = method == "una";
  identity_ = is_una && options.una_link == "identity";
  soft_ = (is_una && options.una_pair == "soft") || starts_with(options.loss_type, "rpo_");
  const bool is_logistic = options.loss_type == "sigmoid" || options.loss_type == "robust" || soft_;
  covered_ = (is_una && options.una_f != "quantile") || method == "kto" ||
             (method == "dpo" && is_logistic && options.f_divergence_type == "reverse_kl");
}

void TargetScale::add(const std::vector<SequenceMeta>& row) {
  // Under the sigmoid link a group of thumbs is labels; under the identity link 0 and 1 are rewards like others.
  const bool thumbs =
      !identity_ && row.front().unit == Unit::kGroup && objective::is_thumbs_group(row, 0, std::ssize(row));
  for (const SequenceMeta& sequence : row) {
    const bool scored = sequence.unit == Unit::kScore || (sequence.unit == Unit::kGroup && !thumbs);
    if (sequence.unit == Unit::kBinary || thumbs) {
      labels_ += 1;
      ups_ += sequence.target;
    }
    if (!scored) { continue; }
    const double s = objective::clip_soft_target(sequence.target);
    const bool mapped = options_.una_reward == "score";
    const double reward = identity_ && !mapped ? sequence.raw_score : sequence.target;
    scores_.answers += 1;
    scores_.slope += identity_ ? 1 : 1 / (s * (1 - s));
    scores_.prompts[sequence.group_id].add(identity_ ? reward : objective::logit(s));
    rewards_.prompts[sequence.group_id].add(reward);
    rewards_.answers += 1;
  }
  const SequenceMeta& first = row.front();
  if (first.unit != Unit::kPair) { return; }
  pairs_ += 1;
  if (!first.has_margin) { return; }
  gaps_ += 1;
  gap_squares_ += first.margin * first.margin;
}

double TargetScale::variance(const Part& part) const {
  double squares = 0, freedom = 0;
  Moments all;
  for (const auto& [prompt, own] : part.prompts) {
    squares += own.squares;
    freedom += own.count - 1;
    all.add(own.mean);
  }
  if (freedom > 0) { return squares / freedom; }
  return all.count > 1 ? all.squares / (all.count - 1) : 0;
}

double TargetScale::reward_sd() const {
  if (rewards_.answers > 0) { return std::sqrt(variance(rewards_)); }
  return gaps_ > 0 ? std::sqrt(gap_squares_ / gaps_ / 2) : 1;
}

double TargetScale::spread_of_judged(double slope) const {
  return slope / options_.label_noise * reward_sd();
}

bool TargetScale::knows_noise() const { return options_.label_noise > 0; }

TargetScale::Total TargetScale::total() const {
  Total out;
  const auto add = [&](double answers, double spread) {
    out.answers += answers;
    out.variance += answers * spread * spread;
  };
  if (scores_.answers > 0) { add(scores_.answers, std::sqrt(variance(scores_))); }
  if (pairs_ > 0 && soft_) {
    if (gaps_ > 0) { add(2 * pairs_, options_.rpo_eta * std::sqrt(gap_squares_ / gaps_ / 2)); }
    out.known = out.known && gaps_ > 0;
  } else if (pairs_ > 0) {
    if (knows_noise()) { add(2 * pairs_, spread_of_judged(kProbit / std::sqrt(2.0))); }
    out.known = out.known && knows_noise();
  }
  if (labels_ > 0) {
    if (knows_noise()) { add(labels_, spread_of_judged(kProbit)); }
    out.known = out.known && knows_noise();
  }
  out.known = out.known && covered_ && out.variance > 0;
  return out;
}

std::vector<std::string> TargetScale::lines() const {
  std::vector<std::string> out;
  if (!covered_) { return out; }
  const double beta = options_.beta;
  const auto line = [&](const char* what, double slope, const char* unit) {
    out.push_back(cat("beta       ", significant(beta, 3), ": ", what, " ask beta * log-ratio for ",
                      significant(slope, 3), " per unit of ", unit, " (beta_eff ",
                      significant(beta / slope, 3), ")"));
  };
  if (scores_.answers > 0) {
    line("scores", scores_.slope / scores_.answers, identity_ ? "reward" : "score");
  }
  const char* unit = rewards_.answers > 0 || gaps_ > 0 ? "score" : "the spread inside a prompt";
  if (pairs_ > 0 && soft_) { line("pairs", options_.rpo_eta, "margin"); }
  if (pairs_ > 0 && !soft_ && knows_noise()) {
    line("pairs", kProbit / std::sqrt(2.0) / options_.label_noise, unit);
  }
  if (labels_ > 0 && knows_noise()) { line("labels", kProbit / options_.label_noise, unit); }
  const Total all = total();
  if (all.known) {
    const double kl = all.variance / all.answers / (2 * beta * beta);
    out.push_back(cat("beta       the loss's optimum is at a KL of about ", significant(kl, 2),
                      " nats an answer, the noise of the feedback included (--target_kl sets beta by it)"));
  } else if ((pairs_ > 0 && !soft_) || labels_ > 0) {
    out.push_back(
        "beta       how far pairs and labels move the policy depends on the judges' noise; --label_noise states it, "
        "and then the expected KL is shown and --target_kl can set beta");
  }
  return out;
}

double TargetScale::beta_for(double kl) const {
  check_input(covered_,
              "target_kl: the optimum of this loss does not follow from its feedback alone; give --beta");
  const Total all = total();
  check_input(all.known, "target_kl: ",
              soft_ && gaps_ == 0 && pairs_ > 0
                  ? "the pairs have no margins"
                  : (all.answers > 0 && knows_noise()
                         ? "the feedback does not differ inside prompts"
                         : "pairs and labels do not say how sure they are: give --label_noise, "
                           "the standard deviation of the judge"),
              "; or give --beta");
  return std::sqrt(all.variance / all.answers / (2 * kl));
}

std::string unbalanced_warning(const std::string& method, const objective::ObjectiveOptions& options,
                               const TargetScale& targets) {
  constexpr double kFewest = .35, kMost = .65;
  if (targets.labels() == 0 || (targets.ups() >= kFewest && targets.ups() <= kMost)) { return ""; }
  const std::string share = cat(fixed(100 * targets.ups(), 0), " % of the labels are up");
  if (method == "kto") {
    return objective::kto_weight_advice(targets.ups() * targets.labels(),
                                        (1 - targets.ups()) * targets.labels(), options);
  }
  const bool apart =
      method == "una" && options.una_binary != "pointwise";  // their offset is removed or integrated
  const bool fitted = apart || options.una_f == "auto" || options.una_f == "running" ||
                      options.una_f == "shrunk" || options.una_f == "value_head" ||
                      options.una_f == "constant";
  if (method != "una" || fitted || options.desirable_weight != options.undesirable_weight) { return ""; }
  return cat(
      share, ", and una_f ", options.una_f,
      " moves every answer the same way until that share is explained: leave una_f at auto (a threshold fitted "
      "to the labels)");
}

}  // namespace una::setup
