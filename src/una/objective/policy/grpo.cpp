#include <cmath>

#include <ATen/ops/sqrt.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/objective/methods.h"
#include "una/objective/metrics.h"
#include "una/objective/policy/on_policy.h"
#include "una/objective/policy/policy_ratio.h"
#include "una/objective/policy/sampler_gap.h"
#include "una/objective/rows.h"
#include "una/objective/sequence_sums.h"
#include "una/objective/tensor_operators.h"

namespace una::objective {
namespace {

// Added to the standard deviation, as in TRL.
constexpr double kStdFloor = 1e-4;

// GRPO (arXiv 2402.03300; TRL's GRPOTrainer): A_i = (r_i - mean) / (std + 1e-4), the same for every token;
// PPO's clip per token, plus beta k3 against the reference. Divisors (loss_type): dapo: the step's loss
// tokens; grpo: mean over answers of the mean over their tokens; dr_grpo: answers times
// max_completion_length.
class Grpo final : public OnPolicyObjective {
 public:
  explicit Grpo(const ObjectiveOptions& options)
      : OnPolicyObjective(options),
        divisor_(choose<Divisor>(
            "loss_type", options.loss_type,
            {{"dapo", Divisor::kTokens}, {"grpo", Divisor::kAnswers}, {"dr_grpo", Divisor::kLongest}})),
        scaled_(choose<bool>("scale_rewards", options.scale_rewards, {{"group", true}, {"none", false}})) {}

  Needs needs() const override { return {.reference = options().beta > 0}; }
  bool accepts(Unit unit) const override { return unit == Unit::kGroup; }

  std::vector<double> count(const std::vector<SequenceMeta>& sequences) const override {
    double terms = 0;
    for (const SequenceMeta& sequence : sequences) {
      if (divisor_ == Divisor::kTokens) {
        terms += sequence.answer_weight > 0 ? static_cast<double>(sequence.loss_tokens()) : 0;
      } else {
        terms += divisor_ == Divisor::kAnswers ? 1 : static_cast<double>(options().max_completion_length);
      }
    }
    return {terms};
  }

  LossTerms terms(const ObjectiveInput& input) const override {
    const at::Tensor logp = input.logp.to(at::kDouble), old = old_logps(input);
    const at::Tensor advantage = each_token(advantages(input, logp), input);
    const at::Tensor ratio = ratio_of(logp - old);
    const double high = upper_clip(options());
    at::Tensor losses = clipped_surrogate(ratio, advantage, options().epsilon, high);
    at::Tensor delta;
    if (options().beta > 0) {
      const at::Tensor d = logp - input.ref_logp.detach().to(at::kDouble);
      losses = losses + options().beta * (ratio_of(-d) - 1 + d);
      delta = sequence_sums(d.detach(), *input.sequences);
    }
    losses = losses * token_corrections(input, options()) * each_token(shares(input, logp), input);
    LossTerms out;
    out.sums = {losses.sum()};
    add_loss_metrics(host_values(sequence_sums(losses.detach(), *input.sequences)), "", out.metrics);
    add_policy_metrics(input, delta, clipped_entries(ratio.detach(), advantage, options().epsilon, high),
                       out.metrics);
    add_common_metrics(input, logp - old, out.metrics);
    return out;
  }

 private:
  // The terms that the sum is divided by.
  enum class Divisor { kTokens, kAnswers, kLongest };

  at::Tensor advantages(const ObjectiveInput& input, const at::Tensor& like) const {
    const at::Tensor reward = rewards_of(input, like);
    at::Tensor centred = reward - group_mean(reward, *input.sequences);
    if (!scaled_) { return centred; }
    const at::Tensor sizes = group_sizes(input, like);
    const at::Tensor variance = group_mean(centred * centred, *input.sequences) * sizes / (sizes - 1);
    return centred / (at::sqrt(variance) + kStdFloor);
  }

  // The weight per token of each sequence: the answer's weight, for `grpo` divided by the answer's tokens.
  at::Tensor shares(const ObjectiveInput& input, const at::Tensor& like) const {
    at::Tensor weights = answer_weights(input, like);
    if (divisor_ != Divisor::kAnswers) { return weights; }
    std::vector<double> lengths;
    for (const SequenceMeta& sequence : *input.sequences) {
      lengths.push_back(static_cast<double>(std::max<std::int64_t>(1, sequence.loss_tokens())));
    }
    return weights / device_tensor(lengths, like.device());
  }

  Divisor divisor_;
  bool scaled_;
};

}  // namespace

std::unique_ptr<Objective> make_grpo(const ObjectiveOptions& options) {
  check_input(std::isfinite(options.beta) && options.beta >= 0, "beta must be 0 (no KL term) or more, not ",
              options.beta);
  check_clip(options);
  check_input(options.loss_type != "dr_grpo" || options.max_completion_length > 0,
              "loss_type dr_grpo divides by max_completion_length, which must be 1 or more");
  return std::make_unique<Grpo>(options);
}

}  // namespace una::objective
