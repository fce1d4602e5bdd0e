#include <cmath>
#include <optional>

#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/log.h"
#include "una/objective/kernel.h"
#include "una/objective/length_norm.h"
#include "una/objective/methods.h"
#include "una/objective/metrics.h"
#include "una/objective/part_weights.h"
#include "una/objective/policy/policy_ratio.h"
#include "una/objective/policy/ratio_guard.h"
#include "una/objective/policy/sampler_gap.h"
#include "una/objective/rows.h"
#include "una/objective/sequence_sums.h"
#include "una/objective/tensor_operators.h"
#include "una/objective/una/groups.h"
#include "una/objective/una/likelihood.h"
#include "una/objective/una/log_partition.h"
#include "una/objective/una/thumbs.h"
#include "una/objective/una/una_clip.h"
#include "una/objective/una/una_metrics.h"
#include "una/objective/una/una_offset.h"
#include "una/objective/una/una_targets.h"

namespace una::objective {
namespace {

// The order of parts().
constexpr Unit kParts[] = {Unit::kPair, Unit::kBinary, Unit::kScore, Unit::kGroup, Unit::kSft};

std::vector<std::string> part_names() {
  std::vector<std::string> names;
  for (const Unit unit : kParts) { names.emplace_back(unit_name(unit)); }
  return names;
}

Kernel kernel_of(const ObjectiveOptions& options) {
  Kernel kernel;
  kernel.link = choose<Link>("una_link", options.una_link,
                             {{"identity", Link::kIdentity}, {"sigmoid", Link::kSigmoid}});
  kernel.loss = choose<PointLoss>("una_loss", options.una_loss,
                                  {{"mse", PointLoss::kMse},
                                   {"bce", PointLoss::kBce},
                                   {"l1", PointLoss::kL1},
                                   {"huber", PointLoss::kHuber}});
  kernel.huber_delta = options.una_huber_delta;
  return kernel;
}

ThumbsLoss thumbs_of(const ObjectiveOptions& options) {
  return choose<ThumbsLoss>("una_binary", options.una_binary,
                            {{"pointwise", ThumbsLoss::kPointwise},
                             {"conditional", ThumbsLoss::kConditional},
                             {"integrated", ThumbsLoss::kIntegrated}});
}

bool is_joint(const ObjectiveOptions& options) {
  return choose<bool>("una_mix", options.una_mix, {{"mean", false}, {"likelihood", true}});
}

// Answers that are fitted individually.
struct Points {
  std::vector<std::int64_t> index;  // into the table
  std::vector<double> targets, weights, offsets;
};

// UNA: w g(link(u), t), all kinds of feedback in one batch, one part per unit. Pairs: bce of v = beta
// (Delta_w - Delta_l), which is DPO. Single answers: u = beta Delta + f. Groups with una_f group: f is
// computed from the group itself, and the sum is divided by k - 1 (GVPO with the identity link and mse); una_f shrunk
// is the same with f drawn towards m. una_mix likelihood replaces all of this (likelihood.h).
class Una final : public Objective {
 public:
  explicit Una(const ObjectiveOptions& options)
      : options_(options),
        kernel_(kernel_of(options)),
        targets_(options, kernel_),
        offset_(options, kernel_.link),
        norm_(options.log_ratio_norm),
        clip_(options),
        weights_(options.loss_weights, part_names()),
        thumbs_(thumbs_of(options)),
        law_(options.una_running_decay),
        soft_pairs_(choose<bool>("una_pair", options.una_pair, {{"hard", false}, {"soft", true}})) {
    if (is_joint(options)) { joint_.emplace(options); }
  }

  Needs needs() const override {
    return {.reference = true,
            .kl_rows = offset_.kind() == Offset::kKtoZ0,
            .value = offset_.is_head(),
            .columns = soft_pairs_ || offset_.needs_reference_rewards(),
            .survey = norm_.is_mean() || options_.una_reward == "standardised" || offset_.is_head() ||
                      offset_.kind() == Offset::kLogPartition || thumbs_ == ThumbsLoss::kIntegrated || joint_,
            .pilot = offset_.wants_choice()};
  }
  // A row without feedback has no quantile, and no place in a likelihood of feedback.
  bool accepts(Unit unit) const override {
    return unit != Unit::kPrompt && (unit != Unit::kSft || (offset_.kind() != Offset::kQuantile && !joint_));
  }
  std::vector<std::string> parts() const override { return part_names(); }

  std::vector<double> count(const std::vector<SequenceMeta>& sequences) const override {
    std::vector<double> counts;
    for (const Unit unit : kParts) {
      counts.push_back(unit == Unit::kGroup ? count_groups(sequences) : count_rows(sequences, unit));
    }
    return counts;
  }

  std::vector<double> weights(const std::vector<double>& counts) const override {
    return weights_.apply(Objective::weights(counts));
  }

  LossTerms terms(const ObjectiveInput& input) const override {
    const LogRatios ratios = log_ratios(input, true);
    const at::Tensor reward = options_.beta * norm_.apply(ratios.delta, *input.sequences);
    LossTerms out;
    for (const Unit unit : kParts) {
      if (count_rows(*input.sequences, unit) == 0) {
        out.sums.push_back(at::zeros({}, reward.options().requires_grad(false)));
        continue;
      }
      const at::Tensor losses = unit_losses(unit, reward, input, out.metrics);
      out.sums.push_back(losses.sum());
      add_loss_metrics(host_values(losses), unit_name(unit), out.metrics);
    }
    const AnswerValues values{.reward = host_values(reward),
                              .logp = host_values(ratios.policy),
                              .log_ratio = host_values(ratios.delta)};
    add_answer_metrics(input, values, out.metrics);
    add_statistics(input, out.metrics);
    add_score_metrics(*input.sequences, values.reward, out.metrics);
    add_sample_metrics(input, values.log_ratio, out.metrics);
    for (const SequenceMeta& sequence : *input.sequences) { targets_.add_sums(sequence, out.metrics); }
    return out;
  }

  // Before training z0 is 0; a value head's output is unknown.
  double loss_at_reference(const std::vector<SequenceMeta>& sequences) const override {
    if (offset_.is_head()) { return std::nan(""); }
    Una fresh(*this);
    fresh.offset_.forget_z0();
    return loss_of_equal_policies(fresh, sequences);
  }

  std::string lacks(const SequenceMeta& sequence) const override {
    if (sequence.unit == Unit::kPair) {
      if (!soft_pairs_ || sequence.has_margin) { return ""; }
      return "field \"margin\" is missing (or two scores): una_pair soft turns it into the pair's label";
    }
    if (!offset_.needs_reference_rewards() || sequence.unit == Unit::kSft) { return ""; }
    const std::size_t own = offset_.kind() == Offset::kLogPartition && sequence.ref_rewards.has_own ? 1 : 0;
    if (sequence.ref_rewards.raw.size() > own) { return ""; }
    return cat("field \"ref_rewards\" ", own == 1 ? "holds only the answer's own reward" : "is missing",
               ": una_f ", options_.una_f, " needs rewards of reference samples to the same prompt (4 to 8)");
  }

  void observe(const std::vector<SequenceMeta>& row) override {
    norm_.observe(row);
    for (const SequenceMeta& sequence : row) {
      targets_.observe(sequence);
      warn_few(sequence);
    }
    if (thumbs_ == ThumbsLoss::kIntegrated) { law_.observe(row); }
    if (joint_) { joint_->observe(row, targets_); }
  }
  double initial_value() const override { return targets_.mean_reward(); }

  std::vector<double> pilot_rewards(const std::vector<SequenceMeta>& answers) const override {
    std::vector<double> out;
    for (const SequenceMeta& answer : answers) { out.push_back(targets_.reward(answer)); }
    return out;
  }
  void set_prompt_ratio(double ratio) override { offset_.choose_ratio(ratio); }

  void begin_step(double kl_sum, double kl_count) override {
    if (joint_) { joint_->check_unit(); }
    offset_.begin_step(kl_sum, kl_count);
  }
  void end_step(const MetricSums& step) override {
    offset_.end_step(step);
    law_.end_step(step);
    if (joint_) { joint_->end_step(step); }
    targets_.end_step(step);
  }

  StepVerdict judge(const MetricSums& step) const override { return judge_ratios(options_, step); }
  std::map<std::string, double> derived(const MetricSums& window) const override {
    std::map<std::string, double> out = una_derived(window);
    out.merge(ratio_derived(window));
    return out;
  }

  Json state() const override {
    Json out = Json::object();
    if (offset_.kind() == Offset::kRunning || offset_.kind() == Offset::kAuto) {
      out["running"] = offset_.state();
    }
    if (offset_.kind() == Offset::kShrunk) { out["shrunk"] = offset_.state(); }
    if (thumbs_ == ThumbsLoss::kIntegrated) { out["thumbs"] = law_.state(); }
    if (joint_) { out["likelihood"] = joint_->state(); }
    if (offset_.kind() == Offset::kKtoZ0) { out["baseline"] = offset_.state(); }
    if (options_.una_reward == "standardised") { out["reward_scale"] = targets_.state(); }
    if (norm_.is_mean()) { out["mean_length"] = norm_.state(); }
    return out;
  }

  void load_state(const Json& state) override {
    const Json mine = this->state();
    if (mine.empty()) { return Objective::load_state(state); }
    if (state.contains("running")) { offset_.load_state(state.at("running")); }
    if (state.contains("baseline")) { offset_.load_state(state.at("baseline")); }
    if (state.contains("shrunk")) { offset_.load_state(state.at("shrunk")); }
    if (state.contains("thumbs")) { law_.load_state(state.at("thumbs")); }
    if (state.contains("likelihood") && joint_) { joint_->load_state(state.at("likelihood")); }
    if (state.contains("reward_scale")) { targets_.load_state(state.at("reward_scale")); }
    if (state.contains("mean_length")) { norm_.load_state(state.at("mean_length")); }
  }

 private:
  // Groups that are one term, or else their answers.
  double count_groups(const std::vector<SequenceMeta>& sequences) const {
    double terms = 0;
    for (const RowSpan& row : row_spans(sequences)) {
      if (row.unit != Unit::kGroup) { continue; }
      const auto answers = static_cast<double>(row.size);
      if (is_conditioned(sequences, row)) {
        double ups = 0;
        for (std::int64_t s = row.first; s < row.first + row.size; ++s) {
          ups += sequences[static_cast<std::size_t>(s)].target;
        }
        terms += ups > 0 && ups < answers ? 1 : 0;  // thumbs that are all alike tell nothing
      } else {
        terms += offset_.of_groups() && !joint_ && !is_integrated(sequences, row) ? 1 : answers;
      }
    }
    return terms;
  }
  bool is_conditioned(const std::vector<SequenceMeta>& sequences, const RowSpan& row) const {
    return thumbs_ == ThumbsLoss::kConditional && is_thumbs_group(sequences, row.first, row.size);
  }
  bool is_integrated(const std::vector<SequenceMeta>& sequences, const RowSpan& row) const {
    return thumbs_ == ThumbsLoss::kIntegrated && is_thumbs_group(sequences, row.first, row.size);
  }

  at::Tensor unit_losses(Unit unit, const at::Tensor& reward, const ObjectiveInput& input,
                         MetricSums& metrics) const {
    const std::vector<SequenceMeta>& sequences = *input.sequences;
    if (joint_) { return joint_->losses(unit, reward, sequences, targets_, metrics); }
    if (unit == Unit::kPair) { return pair_losses(reward, sequences); }
    if (unit == Unit::kBinary && thumbs_ == ThumbsLoss::kIntegrated) {
      return thumb_losses(reward, thumbs_table(sequences, unit), metrics);
    }
    if (unit != Unit::kGroup) { return point_losses(unit, reward, input, metrics); }
    const bool apart = thumbs_ != ThumbsLoss::kPointwise;
    std::vector<at::Tensor> losses;
    const GroupTable groups = group_table(sequences, unit, apart ? Groups::kScores : Groups::kAll, targets_);
    if (groups.size() > 0) {
      losses.push_back(offset_.of_groups() ? group_losses(groups, reward, input, metrics)
                                           : point_losses(unit, reward, input, metrics));
    }
    if (apart) {
      const ThumbsTable table = thumbs_table(sequences, unit);
      if (table.prompts() > 0) { losses.push_back(thumb_losses(reward, table, metrics)); }
    }
    return losses.size() == 1 ? losses.front() : at::cat(losses);
  }

  at::Tensor thumb_losses(const at::Tensor& reward, const ThumbsTable& table, MetricSums& metrics) const {
    const at::Tensor x = reward.index_select(0, device_tensor(table.index, reward.device()));
    const at::Tensor losses =
        thumbs_ == ThumbsLoss::kConditional ? conditional_losses(x, table) : law_.losses(x, table, metrics);
    return losses * device_tensor(table.weights, reward.device());
  }

  void warn_few(const SequenceMeta& sequence) {
    const std::size_t n = sequence.ref_rewards.raw.size();
    const bool few = offset_.kind() == Offset::kLogPartition && n > 0 && n < kFewestReferenceRewards;
    if (!few || told_few_) { return; }
    told_few_ = true;
    log_warning(cat("una_f log_partition: a prompt has ", n, " reference rewards; with fewer than ",
                    kFewestReferenceRewards,
                    " the estimate of log Z is little more than the largest of them"));
  }

  // The probability that the chosen answer is better: sigma(eta margin), or with hard labels 1 -
  // label_smoothing.
  double pair_target(const SequenceMeta& chosen) const {
    if (!soft_pairs_) { return 1 - options_.label_smoothing; }
    check(chosen.has_margin, "una_pair soft: a pair without a margin");
    return 1 / (1 + std::exp(-options_.rpo_eta * chosen.margin));
  }

  at::Tensor pair_losses(const at::Tensor& reward, const std::vector<SequenceMeta>& sequences) const {
    const PairTable pairs = pair_table(sequences);
    std::vector<double> targets;
    for (const std::int64_t chosen : pairs.chosen) {
      targets.push_back(pair_target(sequences[static_cast<std::size_t>(chosen)]));
    }
    const at::Device device = reward.device();
    const at::Tensor v = reward.index_select(0, device_tensor(pairs.chosen, device)) -
                         reward.index_select(0, device_tensor(pairs.rejected, device));
    return (objective::exact_softplus(v) - device_tensor(targets, device) * v) *
           device_tensor(pairs.weights, device);
  }

  // Labels have class weights in addition to the row's own.
  double weight_of(const SequenceMeta& sequence) const {
    if (sequence.unit != Unit::kBinary) { return sequence.weight * sequence.answer_weight; }
    return sequence.weight *
           (role_of(sequence) == Role::kChosen ? options_.desirable_weight : options_.undesirable_weight);
  }

  // Answers of groups that thumb_losses fits.
  std::vector<bool> thumbs_in_groups(const std::vector<SequenceMeta>& sequences) const {
    std::vector<bool> out(sequences.size(), false);
    if (thumbs_ == ThumbsLoss::kPointwise) { return out; }
    for (const std::int64_t s : thumbs_table(sequences, Unit::kGroup).index) {
      out[static_cast<std::size_t>(s)] = true;
    }
    return out;
  }

  Points points_of(Unit unit, const std::vector<SequenceMeta>& sequences) const {
    Points points;
    const std::vector<bool> in_thumbs = thumbs_in_groups(sequences);
    for (std::size_t s = 0; s < sequences.size(); ++s) {
      const SequenceMeta& sequence = sequences[s];
      if (sequence.unit != unit || in_thumbs[s]) { continue; }
      points.index.push_back(static_cast<std::int64_t>(s));
      points.targets.push_back(targets_.target(sequence));
      points.weights.push_back(weight_of(sequence) * offset_.weight(sequence));
      points.offsets.push_back(offset_.value(sequence, targets_));
      warn_soft_l1(unit, points.targets.back());
    }
    return points;
  }

  // |s - t| fits a median, so it drives s past targets between 0 and 1 instead of to their mean.
  void warn_soft_l1(Unit unit, double target) const {
    const bool soft = unit != Unit::kBinary && unit != Unit::kSft && target > 0 && target < 1;
    if (!soft || told_l1_ || kernel_.loss != PointLoss::kL1 || kernel_.link != Link::kSigmoid) { return; }
    told_l1_ = true;
    log_warning("una_loss l1 with the sigmoid link is meant for labels; scores are fitted by bce or mse");
  }

  // Losses of the answers `index` with u = x + f, x = beta Delta: the kernel's. In later passes over own
  // samples their slope in x is the clip's.
  at::Tensor fitted(const at::Tensor& index, const at::Tensor& reward, const at::Tensor& f,
                    const at::Tensor& t, const ObjectiveInput& input, MetricSums& metrics) const {
    const at::Tensor x = reward.index_select(0, index);
    if (!clip_.applies(input)) { return kernel_loss(kernel_, x + f, t); }
    const at::Tensor u = x.detach() + f;
    const at::Tensor slope = options_.beta * kernel_slope(kernel_, u.detach(), t);
    const at::Tensor slopes = at::zeros_like(reward.detach()).index_add(0, index, slope);
    const at::Tensor surrogate =
        norm_.apply(clip_.surrogate(slopes, input, metrics), *input.sequences).index_select(0, index);
    return kernel_loss(kernel_, u, t) + (surrogate - surrogate.detach());
  }

  // Only for this run's own samples: on given rows the mean of Delta is not a KL.
  void add_sample_metrics(const ObjectiveInput& input, const std::vector<double>& delta,
                          MetricSums& metrics) const {
    if (input.columns == nullptr || input.columns->count("sampler_logp") == 0) { return; }
    for (const double value : delta) { metrics.add("kl", value); }
    add_ratio_metrics(input.logp.detach().to(at::kDouble) - old_logps(input), metrics);
    add_sampler_gap(input, metrics);
  }

  // The value head is trained like Delta, by the slope of the row's loss in u. Rows without feedback are
  // excluded: they would teach it that every answer is good.
  at::Tensor point_offsets(Unit unit, const Points& points, const ObjectiveInput& input,
                           at::Device device) const {
    if (!offset_.is_head() || unit == Unit::kSft) { return device_tensor(points.offsets, device); }
    return head_values(points.index, input, device);
  }

  static at::Tensor head_values(const std::vector<std::int64_t>& index, const ObjectiveInput& input,
                                at::Device device) {
    check(input.value.defined() && input.value.dim() == 1 &&
              input.value.size(0) == static_cast<std::int64_t>(input.sequences->size()),
          "una: one value a sequence");
    return input.value.to(at::kDouble).index_select(0, device_tensor(index, device));
  }

  at::Tensor point_losses(Unit unit, const at::Tensor& reward, const ObjectiveInput& input,
                          MetricSums& metrics) const {
    const Points points = points_of(unit, *input.sequences);
    const at::Device device = reward.device();
    const at::Tensor t = device_tensor(points.targets, device);
    const at::Tensor f = point_offsets(unit, points, input, device);
    const at::Tensor index = device_tensor(points.index, device);
    const at::Tensor u = reward.index_select(0, index) + f;
    const std::vector<double> u_values = host_values(u), f_values = host_values(f);
    const std::vector<double> e = host_values(residual(kernel_.link, u, t));
    for (std::size_t i = 0; i < points.index.size(); ++i) {
      const SequenceMeta& sequence = (*input.sequences)[static_cast<std::size_t>(points.index[i])];
      if (kernel_.link == Link::kSigmoid) { add_saturation(u_values[i], metrics); }
      metrics.add("una/offset", f_values[i]);
      if (unit == Unit::kSft) {
        continue;  // without feedback the target does not measure the fit
      }
      add_residual(sequence.source, e[i], metrics);
      add_fit(e[i], points.targets[i], metrics);
      offset_.add_sums(sequence, u_values[i] - f_values[i], points.targets[i], metrics);
      if (offset_.kind() == Offset::kShrunk && unit == Unit::kScore && kernel_.link == Link::kIdentity) {
        Shrinkage::add_sums(0, 1, (offset_.is_head() ? 0 : f_values[i]) - e[i], metrics);
      }
    }
    return fitted(index, reward, f, t, input, metrics) * device_tensor(points.weights, device) *
           answer_corrections(input, options_).index_select(0, index);
  }

  // m of the answers of groups; the value head's has a gradient.
  at::Tensor group_centres(const GroupTable& groups, const ObjectiveInput& input, at::Device device) const {
    if (offset_.is_head()) { return head_values(groups.index, input, device); }
    std::vector<double> out;
    for (const std::int64_t s : groups.index) {
      out.push_back(offset_.value((*input.sequences)[static_cast<std::size_t>(s)], targets_));
    }
    return device_tensor(out, device);
  }

  // f = m + (1 - lambda) (mean_j (L(t_j) - beta Delta_j) - m), L the inverse of the link, the mean detached; una_f group
  // is lambda 0, where m cancels. For mse with the identity link the gradient of group is the same either way; for the
  // others f is a baseline, which is not learned.
  at::Tensor group_losses(const GroupTable& groups, const at::Tensor& reward, const ObjectiveInput& input,
                          MetricSums& metrics) const {
    const at::Device device = reward.device();
    const at::Tensor t = device_tensor(groups.targets, device), sizes = device_tensor(groups.sizes, device);
    const auto mean = [&](const at::Tensor& values) { return groups.spread(groups.sums(values) / sizes); };
    const at::Tensor chosen = device_tensor(groups.index, device),
                     x = reward.index_select(0, chosen).detach();
    const at::Tensor own = mean(device_tensor(groups.levels, device) - x);
    const std::vector<double> e = host_values(residual(kernel_.link, x + own, t)),
                              c = host_values(t - mean(t));
    std::vector<double> share;
    for (std::size_t i = 0; i < e.size(); ++i) {
      add_fit(e[i], c[i], metrics);
      const double k = groups.sizes[static_cast<std::size_t>(groups.owner[i])];
      share.push_back(groups.answer_weights[i] / (k - 1));
    }
    at::Tensor f = own, rest;
    if (offset_.kind() == Offset::kShrunk) {
      std::vector<double> lambdas;
      for (const std::int64_t owner : groups.owner) {
        lambdas.push_back(offset_.lambda(groups.sizes[static_cast<std::size_t>(owner)]));
      }
      const at::Tensor lambda = device_tensor(lambdas, device), m = group_centres(groups, input, device);
      const at::Tensor distance = (own - m).detach();
      f = m + (1 - lambda) * distance;
      add_shrinkage(groups, x, own, offset_.is_head() ? distance : own, metrics);
      const std::vector<double> rewards = host_values(x);
      for (std::size_t i = 0; i < rewards.size(); ++i) {
        const SequenceMeta& sequence = (*input.sequences)[static_cast<std::size_t>(groups.index[i])];
        offset_.add_sums(sequence, rewards[i], groups.targets[i], metrics);
      }
      rest = lambda * (1 - lambda) * distance.square();
    }
    at::Tensor losses = fitted(chosen, reward, f, t, input, metrics);
    // Over the identity link squares are those of the likelihood, within + lambda k distance^2, whose gradient at fixed
    // f this is.
    if (rest.defined() && kernel_.link == Link::kIdentity && kernel_.loss == PointLoss::kMse) {
      losses = losses + rest;
    }
    losses =
        losses * device_tensor(share, device) * answer_corrections(input, options_).index_select(0, chosen);
    return groups.sums(losses) * device_tensor(groups.weights, device);
  }

  // What the variances and m learn from groups.
  void add_shrinkage(const GroupTable& groups, const at::Tensor& x, const at::Tensor& own,
                     const at::Tensor& distance, MetricSums& metrics) const {
    const std::vector<double> rewards = host_values(x), means = host_values(own),
                              away = host_values(distance);
    std::vector<double> within(groups.sizes.size(), 0), of_group(groups.sizes.size(), 0);
    for (std::size_t i = 0; i < rewards.size(); ++i) {
      const auto g = static_cast<std::size_t>(groups.owner[i]);
      within[g] += std::pow(groups.levels[i] - rewards[i] - means[i], 2);
      of_group[g] = away[i];
    }
    for (std::size_t g = 0; g < within.size(); ++g) {
      Shrinkage::add_sums(within[g], groups.sizes[g], of_group[g], metrics);
      metrics.add("una/lambda", offset_.lambda(groups.sizes[g]));
    }
  }

  ObjectiveOptions options_;
  Kernel kernel_;
  UnaTargets targets_;
  UnaOffset offset_;
  LengthNorm norm_;
  UnaClip clip_;
  PartWeights weights_;
  ThumbsLoss thumbs_;
  PromptLaw law_;
  std::optional<JointLikelihood> joint_;
  bool soft_pairs_;
  mutable bool told_l1_ = false;
  bool told_few_ = false;
};

void check_thumbs(const ObjectiveOptions& options, const Kernel& kernel) {
  if (thumbs_of(options) == ThumbsLoss::kPointwise) { return; }
  check_input(kernel.link == Link::kSigmoid, "una_binary ", options.una_binary,
              " is a likelihood of thumbs and needs una_link sigmoid");
  check_input(options.desirable_weight == 1 && options.undesirable_weight == 1, "una_binary ",
              options.una_binary,
              " needs no class weights: unbalanced thumbs move its offset, not the policy");
}

void check_joint(const ObjectiveOptions& options, const Kernel& kernel) {
  check_input(std::isfinite(options.label_noise) && options.label_noise >= 0,
              "label_noise must be 0 (unknown) or positive, not ", options.label_noise);
  if (!is_joint(options)) { return; }
  check_input(kernel.link == Link::kIdentity,
              "una_mix likelihood measures everything in the unit of the scores: give una_link identity");
  check_input(options.una_f == "auto", "una_mix likelihood integrates f out: leave una_f at auto");
  check_input(thumbs_of(options) == ThumbsLoss::kPointwise,
              "una_mix likelihood integrates the offset of thumbs already: leave una_binary at pointwise");
  check_input(options.una_reward != "standardised",
              "una_mix likelihood fits the scales itself: una_reward raw or score");
  check_input(options.una_pair == "hard" && options.label_smoothing == 0,
              "una_mix likelihood fits the noise of pairs: una_pair hard and label_smoothing 0");
}

}  // namespace

std::unique_ptr<Objective> make_una(const ObjectiveOptions& options) {
  check_beta(options);
  check_label_smoothing(options);
  check_class_weights(options);
  const Kernel kernel = kernel_of(options);
  check_input(
      kernel.loss != PointLoss::kBce || kernel.link == Link::kSigmoid,
      "una_loss bce compares probabilities and needs una_link sigmoid; with una_link identity use mse, "
      "l1 or huber");
  check_input(std::isfinite(options.una_huber_delta) && options.una_huber_delta > 0,
              "una_huber_delta must be positive, not ", options.una_huber_delta);
  check_input(std::isfinite(options.rpo_eta), "rpo_eta must be a number, not ", options.rpo_eta);
  check_input(options.una_pair != "soft" || options.label_smoothing == 0,
              "una_pair soft has its labels from the margins: leave label_smoothing at 0");
  check_input(options.una_reward != "standardised" || kernel.link == Link::kIdentity,
              "una_reward standardised is a unit of rewards and needs una_link identity");
  check_offset(options, kernel);
  check_thumbs(options, kernel);
  check_joint(options, kernel);
  check_clip(options);
  return std::make_unique<Una>(options);
}

}  // namespace una::objective
