#include <cmath>

#include <ATen/ops/clamp.h>
#include <ATen/ops/maximum.h>

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

// PPO (arXiv 1707.06347) as in TRL and OpenRLHF. Columns, one value per loss token: advantage, return,
// old_logp, old_value (computed by online/advantage.h). Two parts over loss tokens: the clipped policy
// surrogate, and vf_coef times half the clipped squared error of the critic.
class Ppo final : public OnPolicyObjective {
 public:
  explicit Ppo(const ObjectiveOptions& options) : OnPolicyObjective(options) {}

  Needs needs() const override { return {.reference = true, .token_values = true}; }
  bool accepts(Unit unit) const override { return unit == Unit::kScore || unit == Unit::kGroup; }
  std::vector<std::string> parts() const override { return {"policy", "value"}; }

  std::vector<double> count(const std::vector<SequenceMeta>& sequences) const override {
    double tokens = 0;
    for (const SequenceMeta& sequence : sequences) {
      if (sequence.answer_weight > 0) { tokens += static_cast<double>(sequence.loss_tokens()); }
    }
    return {tokens, tokens};
  }

  // The two means are added, not averaged.
  std::vector<double> weights(const std::vector<double>&) const override { return {1, options().vf_coef}; }

  LossTerms terms(const ObjectiveInput& input) const override {
    const std::int64_t tokens = input.logp.size(0);
    const at::Tensor logp = input.logp.to(at::kDouble);
    const at::Tensor weight = each_token(answer_weights(input, logp), input);
    const at::Tensor advantage = column(input, "advantage", tokens);
    const at::Tensor ratio = ratio_of(logp - old_logps(input));
    const at::Tensor policy = clipped_surrogate(ratio, advantage, options().epsilon, options().epsilon) *
                              weight * token_corrections(input, options());
    check(input.token_value.defined() && input.token_value.size(0) == tokens,
          "ppo: one value per loss token");
    const at::Tensor value = input.token_value.to(at::kDouble);
    const at::Tensor target = column(input, "return", tokens), before = column(input, "old_value", tokens);
    const at::Tensor kept =
        before + at::clamp(value - before, -options().cliprange_value, options().cliprange_value);
    const at::Tensor free_error = (value - target) * (value - target),
                     kept_error = (kept - target) * (kept - target);
    const at::Tensor value_losses = 0.5 * at::maximum(free_error, kept_error) * weight;
    LossTerms out;
    out.sums = {policy.sum(), value_losses.sum()};
    add_metrics(input, ratio.detach(), advantage, (kept_error > free_error).to(at::kDouble), out);
    return out;
  }

 private:
  void add_metrics(const ObjectiveInput& input, const at::Tensor& ratio, const at::Tensor& advantage,
                   const at::Tensor& value_clipped, LossTerms& out) const {
    const auto tokens = static_cast<double>(input.logp.size(0));
    const auto sum = [](const at::Tensor& values) { return host_values(values.sum().reshape({1})).front(); };
    out.metrics.add("loss/policy_avg", sum(out.sums[0].detach()), tokens);
    out.metrics.add("loss/value_avg", sum(out.sums[1].detach()), tokens);
    out.metrics.add("policy/clipfrac_avg",
                    sum(clipped_entries(ratio, advantage, options().epsilon, options().epsilon)), tokens);
    out.metrics.add("val/clipfrac_avg", sum(value_clipped), tokens);
    add_common_metrics(input, input.logp.detach().to(at::kDouble) - old_logps(input), out.metrics);
    if (input.ref_logp.defined()) {
      const at::Tensor delta = input.logp.detach().to(at::kDouble) - input.ref_logp.detach().to(at::kDouble);
      out.metrics.add("kl", sum(delta), static_cast<double>(input.sequences->size()));
    }
    if (input.entropy.defined()) {
      out.metrics.add("policy/entropy_avg", sum(input.entropy.detach()), tokens);
    }
  }
};

}  // namespace

std::unique_ptr<Objective> make_ppo(const ObjectiveOptions& options) {
  check_input(std::isfinite(options.beta) && options.beta >= 0,
              "beta (PPO's KL coefficient) must be 0 or more, not ", options.beta);
  check_clip(options);
  check_input(options.cliprange_value > 0, "cliprange_value must be positive");
  check_input(options.vf_coef >= 0, "vf_coef must be 0 or more");
  return std::make_unique<Ppo>(options);
}

}  // namespace una::objective
