#include <cmath>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/objective/kernel.h"
#include "una/objective/kl_baseline.h"
#include "una/objective/length_norm.h"
#include "una/objective/methods.h"
#include "una/objective/metrics.h"
#include "una/objective/rows.h"
#include "una/objective/sequence_sums.h"
#include "una/objective/tensor_operators.h"

namespace una::objective {
namespace {

// KTO: w |sigma(u) - t| with u = beta (Delta - z0) and t = 1 for good, 0 for bad answers, divided by the
// number of answers R. A pair counts as two answers.
class Kto final : public Objective {
 public:
  explicit Kto(const ObjectiveOptions& options)
      : options_(options), baseline_(options.kl_source), norm_(options.log_ratio_norm) {}

  Needs needs() const override {
    return {.reference = true, .kl_rows = baseline_.needs_rows(), .survey = norm_.is_mean()};
  }
  bool accepts(Unit unit) const override { return unit == Unit::kBinary || unit == Unit::kPair; }

  std::vector<double> count(const std::vector<SequenceMeta>& sequences) const override {
    return {static_cast<double>(sequences.size())};
  }

  LossTerms terms(const ObjectiveInput& input) const override {
    const LogRatios ratios = log_ratios(input, true);
    std::vector<double> targets, weights;
    for (const SequenceMeta& sequence : *input.sequences) {
      const Role role = role_of(sequence);
      check(role != Role::kNone, "kto: an answer without a label");
      const bool good = role == Role::kChosen;
      targets.push_back(good ? 1 : 0);
      weights.push_back(sequence.weight * (good ? options_.desirable_weight : options_.undesirable_weight));
    }
    const at::Device device = ratios.delta.device();
    const at::Tensor delta = norm_.apply(ratios.delta, *input.sequences);
    const at::Tensor u = options_.beta * (delta - baseline_.z0());
    const at::Tensor losses =
        kernel_loss({Link::kSigmoid, PointLoss::kL1}, u, device_tensor(targets, device)) *
        device_tensor(weights, device);
    LossTerms out;
    out.sums = {losses.sum()};
    add_loss_metrics(host_values(losses), "", out.metrics);
    out.metrics.add("kl", baseline_.z0() * static_cast<double>(targets.size()),
                    static_cast<double>(targets.size()));
    add_answer_metrics(input,
                       {.reward = host_values(options_.beta * delta),
                        .logp = host_values(ratios.policy),
                        .log_ratio = host_values(ratios.delta)},
                       out.metrics);
    add_statistics(input, out.metrics);
    return out;
  }

  // Evaluated with z0 = 0, its value when policy and reference are equal: half the mean weight.
  double loss_at_reference(const std::vector<SequenceMeta>& sequences) const override {
    Kto fresh(*this);
    fresh.baseline_ = KlBaseline(options_.kl_source);
    return loss_of_equal_policies(fresh, sequences);
  }

  void observe(const std::vector<SequenceMeta>& row) override { norm_.observe(row); }
  void begin_step(double kl_sum, double kl_count) override { baseline_.begin_step(kl_sum, kl_count); }
  Json state() const override {
    Json out = baseline_.state();
    if (norm_.is_mean()) { out["mean_length"] = norm_.state(); }
    return out;
  }
  void load_state(const Json& state) override {
    baseline_.load_state(state);
    if (norm_.is_mean() && state.contains("mean_length")) { norm_.load_state(state.at("mean_length")); }
  }

 private:
  ObjectiveOptions options_;
  KlBaseline baseline_;
  LengthNorm norm_;
};

}  // namespace

std::unique_ptr<Objective> make_kto(const ObjectiveOptions& options) {
  check_beta(options);
  check_class_weights(options);
  check_input(options.log_ratio_norm != "mean" || options.kl_source == "none",
              "kto's baseline is a mean of whole log-ratios: log_ratio_norm mean needs kl_source none");
  return std::make_unique<Kto>(options);
}

std::string kto_weight_advice(double desirable, double undesirable, const ObjectiveOptions& options) {
  const double good = options.desirable_weight * desirable;
  const double bad = options.undesirable_weight * undesirable;
  if (good == 0 || bad == 0 || (good >= bad && good <= 4 * bad / 3)) { return ""; }
  return cat("kto: ", desirable, " good and ", undesirable, " bad answers with weights ",
             options.desirable_weight, " and ", options.undesirable_weight,
             "; the paper advises desirable_weight in [", significant(bad / desirable, 3), ", ",
             significant(4 * bad / (3 * desirable), 3), "]");
}

}  // namespace una::objective
