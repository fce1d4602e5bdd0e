#include <cmath>
#include <optional>

#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/log.h"
#include "una/objective/kernel.h"
#include "una/objective/methods.h"
#include "una/objective/metrics.h"
#include "una/objective/rows.h"
#include "una/objective/running_offset.h"
#include "una/objective/sequence_sums.h"
#include "una/objective/tensor_operators.h"
#include "una/objective/una_metrics.h"

namespace una::objective {
namespace {

enum class Offset { kZero, kConstant, kRunning, kGroup };

// The order of parts().
constexpr Unit kParts[] = {Unit::kPair, Unit::kBinary, Unit::kScore, Unit::kGroup, Unit::kSft};

Kernel kernel_of(const ObjectiveOptions& options) {
  Kernel kernel;
  kernel.link =
      choose("una_link", options.una_link, {"identity", "sigmoid"}) == 0 ? Link::kIdentity : Link::kSigmoid;
  kernel.metric = static_cast<Metric>(choose("una_loss", options.una_loss, {"mse", "bce", "l1", "huber"}));
  kernel.huber_delta = options.una_huber_delta;
  return kernel;
}

Offset offset_of(const ObjectiveOptions& options) {
  return static_cast<Offset>(choose("una_f", options.una_f, {"zero", "constant", "running", "group"}));
}

// UNA: w g(link(u), t), every kind of feedback in one batch, one part a unit. Pairs: bce on v = beta (Delta_w
// - Delta_l), which is DPO. Answers one by one: u = beta Delta + f. Groups under una_f group: f from the
// group itself, divided by k - 1 (GVPO's form with the identity link and mse).
class Una final : public Objective {
 public:
  explicit Una(const ObjectiveOptions& options)
      : options_(options), kernel_(kernel_of(options)), offset_(offset_of(options)) {
    const auto mode =
        static_cast<RunningOffset::Mode>(choose("una_running", options.una_running, {"centre", "match"}));
    raw_reward_ = choose("una_reward", options.una_reward, {"raw", "score"}) == 0;
    if (offset_ == Offset::kRunning) running_.emplace(mode, kernel_.link, options.una_running_decay);
  }

  Needs needs() const override { return {.reference = true}; }
  bool accepts(Unit unit) const override { return unit != Unit::kPrompt; }

  std::vector<std::string> parts() const override {
    std::vector<std::string> names;
    for (const Unit unit : kParts) names.emplace_back(unit_name(unit));
    return names;
  }

  std::vector<double> count(const std::vector<SequenceMeta>& sequences) const override {
    std::vector<double> counts;
    for (const Unit unit : kParts) {
      double terms = count_rows(sequences, unit);
      if (unit == Unit::kGroup && offset_ != Offset::kGroup) {
        terms = 0;
        for (const SequenceMeta& sequence : sequences) terms += sequence.unit == unit ? 1 : 0;
      }
      counts.push_back(terms);
    }
    return counts;
  }

  LossTerms terms(const ObjectiveInput& input) const override {
    const LogRatios ratios = log_ratios(input, true);
    const at::Tensor reward = options_.beta * ratios.delta;
    LossTerms out;
    for (const Unit unit : kParts) {
      if (count_rows(*input.sequences, unit) == 0) {
        out.sums.push_back(at::zeros({}, reward.options().requires_grad(false)));
        continue;
      }
      const bool grouped = unit == Unit::kGroup && offset_ == Offset::kGroup;
      const at::Tensor losses = unit == Unit::kPair ? pair_losses(reward, *input.sequences)
                                : grouped           ? group_losses(reward, *input.sequences)
                                                    : point_losses(unit, reward, input, out.metrics);
      out.sums.push_back(losses.sum());
      add_loss_metrics(host_values(losses), unit_name(unit), out.metrics);
    }
    const AnswerValues values{.reward = host_values(reward),
                              .logp = host_values(ratios.policy),
                              .log_ratio = host_values(ratios.delta)};
    add_answer_metrics(input, values, out.metrics);
    add_statistics(input, out.metrics);
    add_score_metrics(*input.sequences, values.reward, out.metrics);
    return out;
  }

  double loss_at_reference(const std::vector<SequenceMeta>& sequences) const override {
    return loss_of_equal_policies(*this, sequences);
  }

  void end_step(const MetricSums& step) override {
    if (running_) running_->end_step(step);
  }

  std::map<std::string, double> derived(const MetricSums& window) const override {
    return una_derived(window);
  }

  Json state() const override { return running_ ? Json{{"running", running_->state()}} : Json::object(); }

  void load_state(const Json& state) override {
    if (!running_) return Objective::load_state(state);
    if (state.contains("running")) running_->load_state(state.at("running"));
  }

 private:
  // t of the kernel in the unit of the link. A soft target under bce must keep away from 0 and 1.
  double target_of(const SequenceMeta& sequence) const {
    const bool soft = sequence.unit == Unit::kScore || sequence.unit == Unit::kGroup;
    if (kernel_.link == Link::kIdentity && soft && raw_reward_) return sequence.raw_score;
    if (kernel_.metric == Metric::kBce && soft) return clip_soft_target(sequence.target);
    return sequence.target;
  }

  double point_offset(const SequenceMeta& sequence) const {
    switch (offset_) {
      case Offset::kConstant:
        return options_.una_constant;
      case Offset::kRunning:
        return running_->value(sequence.source);
      case Offset::kGroup:
        if (!told_) {
          told_ = true;
          log_info("una_f group: answers that stand alone have no group and use f = 0");
        }
        return 0;
      case Offset::kZero:
        break;
    }
    return 0;
  }

  at::Tensor pair_losses(const at::Tensor& reward, const std::vector<SequenceMeta>& sequences) const {
    std::vector<std::int64_t> chosen, rejected;
    std::vector<double> weights;
    for (const RowSpan& row : row_spans(sequences)) {
      if (row.unit != Unit::kPair) continue;
      chosen.push_back(row.first);
      rejected.push_back(row.first + 1);
      weights.push_back(sequences[static_cast<std::size_t>(row.first)].weight);
    }
    const at::Device device = reward.device();
    const at::Tensor v = reward.index_select(0, device_tensor(chosen, device)) -
                         reward.index_select(0, device_tensor(rejected, device));
    return (softplus(v) - (1 - options_.label_smoothing) * v) * device_tensor(weights, device);
  }

  at::Tensor point_losses(Unit unit, const at::Tensor& reward, const ObjectiveInput& input,
                          MetricSums& metrics) const {
    std::vector<std::int64_t> index;
    std::vector<double> targets, weights, offsets;
    for (std::size_t s = 0; s < input.sequences->size(); ++s) {
      const SequenceMeta& sequence = (*input.sequences)[s];
      if (sequence.unit != unit) continue;
      index.push_back(static_cast<std::int64_t>(s));
      targets.push_back(target_of(sequence));
      weights.push_back(sequence.weight);
      offsets.push_back(point_offset(sequence));
    }
    const at::Device device = reward.device();
    const at::Tensor t = device_tensor(targets, device);
    const at::Tensor u =
        reward.index_select(0, device_tensor(index, device)) + device_tensor(offsets, device);
    const std::vector<double> u_values = host_values(u);
    const std::vector<double> e = host_values(residual(kernel_.link, u, t));
    for (std::size_t i = 0; i < index.size(); ++i) {
      const SequenceMeta& sequence = (*input.sequences)[static_cast<std::size_t>(index[i])];
      if (kernel_.link == Link::kSigmoid) add_saturation(u_values[i], metrics);
      if (unit == Unit::kSft) continue;  // a target without feedback is no measure of fit
      add_residual(sequence.source, e[i], metrics);
      if (running_) running_->add_sums(sequence.source, u_values[i] - offsets[i], targets[i], metrics);
    }
    return kernel_loss(kernel_, u, t) * device_tensor(weights, device);
  }

  // f = mean_j (L(t_j) - beta Delta_j), L the inverse of the link, detached: for mse with the identity link
  // the gradient is the same either way, for the others f is a baseline and not something to learn.
  at::Tensor group_losses(const at::Tensor& reward, const std::vector<SequenceMeta>& sequences) const {
    std::vector<std::int64_t> index, owner;
    std::vector<double> targets, levels, share, sizes, weights;
    for (const RowSpan& row : row_spans(sequences)) {
      if (row.unit != Unit::kGroup) continue;
      for (std::int64_t s = row.first; s < row.first + row.size; ++s) {
        const SequenceMeta& sequence = sequences[static_cast<std::size_t>(s)];
        index.push_back(s);
        owner.push_back(static_cast<std::int64_t>(sizes.size()));
        targets.push_back(target_of(sequence));
        levels.push_back(kernel_.link == Link::kIdentity ? targets.back() : logit(sequence.target));
        share.push_back(1 / static_cast<double>(row.size - 1));
      }
      sizes.push_back(static_cast<double>(row.size));
      weights.push_back(sequences[static_cast<std::size_t>(row.first)].weight);
    }
    const at::Device device = reward.device();
    const at::Tensor of = device_tensor(owner, device);
    const at::Tensor zeros = at::zeros_like(device_tensor(sizes, device));
    const at::Tensor x = reward.index_select(0, device_tensor(index, device));
    const at::Tensor f =
        zeros.index_add(0, of, device_tensor(levels, device) - x.detach()) / device_tensor(sizes, device);
    const at::Tensor u = x + f.index_select(0, of);
    const at::Tensor losses =
        kernel_loss(kernel_, u, device_tensor(targets, device)) * device_tensor(share, device);
    return zeros.index_add(0, of, losses) * device_tensor(weights, device);
  }

  ObjectiveOptions options_;
  Kernel kernel_;
  Offset offset_;
  bool raw_reward_ = true;
  std::optional<RunningOffset> running_;
  mutable bool told_ = false;
};

}  // namespace

std::unique_ptr<Objective> make_una(const ObjectiveOptions& options) {
  check_beta(options);
  check_label_smoothing(options);
  const Kernel kernel = kernel_of(options);
  check_input(
      kernel.metric != Metric::kBce || kernel.link == Link::kSigmoid,
      "una_loss bce compares probabilities and needs una_link sigmoid; with una_link identity use mse, "
      "l1 or huber");
  check_input(std::isfinite(options.una_constant),
              cat("una_constant must be a number, not ", options.una_constant));
  check_input(std::isfinite(options.una_huber_delta) && options.una_huber_delta > 0,
              cat("una_huber_delta must be positive, not ", options.una_huber_delta));
  check_input(options.una_running_decay > 0 && options.una_running_decay <= 1,
              cat("una_running_decay must lie in 0..1 (0 left out), not ", options.una_running_decay));
  return std::make_unique<Una>(options);
}

}  // namespace una::objective
