#include <cmath>

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

// REINFORCE leave-one-out (arXiv 2402.14740; TRL's RLOOTrainer): R_i = r_i - beta Delta_i with the sampling
// policy's Delta (k1, detached), A_i = R_i - mean of the others'; -min(rho A, clip(rho) A) with the ratio of
// whole answers, averaged over all answers.
class Rloo final : public OnPolicyObjective {
 public:
  explicit Rloo(const ObjectiveOptions& options) : OnPolicyObjective(options) {}

  Needs needs() const override { return {.reference = true}; }
  bool accepts(Unit unit) const override { return unit == Unit::kGroup; }

  std::vector<double> count(const std::vector<SequenceMeta>& sequences) const override {
    return {static_cast<double>(sequences.size())};
  }

  LossTerms terms(const ObjectiveInput& input) const override {
    const at::Tensor old = old_logps(input);
    const LogRatios now = log_ratios(input, true);
    const at::Tensor delta = sequence_sums(old, *input.sequences) - now.reference;
    const at::Tensor total = rewards_of(input, delta) - options().beta * delta;
    const at::Tensor sizes = group_sizes(input, delta);
    const at::Tensor advantage = (total - group_mean(total, *input.sequences)) * sizes / (sizes - 1);
    const at::Tensor ratio = ratio_of(sequence_sums(input.logp.to(at::kDouble) - old, *input.sequences));
    const double high = upper_clip(options());
    const at::Tensor losses = clipped_surrogate(ratio, advantage, options().epsilon, high) *
                              answer_weights(input, delta) * answer_corrections(input, options());
    LossTerms out;
    out.sums = {losses.sum()};
    add_loss_metrics(host_values(losses), "", out.metrics);
    add_policy_metrics(input, now.delta.detach(),
                       clipped_entries(ratio.detach(), advantage, options().epsilon, high), out.metrics);
    add_common_metrics(input, input.logp.to(at::kDouble) - old, out.metrics);
    return out;
  }
};

}  // namespace

std::unique_ptr<Objective> make_rloo(const ObjectiveOptions& options) {
  check_beta(options);
  check_clip(options);
  return std::make_unique<Rloo>(options);
}

}  // namespace una::objective
