#include <algorithm>
#include <cmath>
#include <limits>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/objective/kernel.h"
#include "una/objective/methods.h"
#include "una/objective/part_weights.h"
#include "una/objective/rows.h"
#include "una/objective/tensor_operators.h"

namespace una::objective {
namespace {

// A reward model. Pairs: Bradley-Terry, softplus(x) - t x with x = r_w - r_l - margin and t = 1 -
// label_smoothing, or with soft labels x = r_w - r_l and t = sigma(eta margin); plus c (r_w + r_l)^2; divided
// by the number of pairs P. Scored and labelled answers: (r - score)^2, divided by their number R.
class Reward final : public Objective {
 public:
  explicit Reward(const ObjectiveOptions& options)
      : options_(options),
        weights_(options.loss_weights, {"pairwise", "regression"}),
        soft_(choose<bool>("reward_margin", options.reward_margin,
                           {{"subtract", false}, {"soft_label", true}})) {}

  Needs needs() const override { return {.logp = false, .score = true, .columns = soft_}; }
  std::vector<std::string> parts() const override { return {"pairwise", "regression"}; }
  bool accepts(Unit unit) const override { return unit != Unit::kSft && unit != Unit::kPrompt; }

  std::vector<double> count(const std::vector<SequenceMeta>& sequences) const override {
    const double answers = static_cast<double>(sequences.size());
    const double pairs = count_rows(sequences, Unit::kPair);
    return {pairs, answers - 2 * pairs};
  }

  std::vector<double> weights(const std::vector<double>& counts) const override {
    return weights_.apply(Objective::weights(counts));
  }

  std::string lacks(const SequenceMeta& sequence) const override {
    if (!soft_ || sequence.unit != Unit::kPair || sequence.has_margin) { return ""; }
    return "field \"margin\" is missing (or two scores): reward_margin soft_label turns it into the label";
  }

  LossTerms terms(const ObjectiveInput& input) const override {
    check(input.sequences != nullptr && input.score.defined(), "reward: input without scores");
    check(input.score.dim() == 1 && input.score.size(0) == static_cast<std::int64_t>(input.sequences->size()),
          "reward: one score a sequence");
    const at::Tensor score = input.score.to(at::kDouble);
    LossTerms out;
    out.sums = {pair_sum(score, *input.sequences), regression_sum(score, *input.sequences)};
    add_metrics(host_values(score), *input.sequences, out.metrics);
    return out;
  }

  double loss_at_reference(const std::vector<SequenceMeta>&) const override {
    return std::numeric_limits<double>::quiet_NaN();
  }

 private:
  at::Tensor pair_sum(const at::Tensor& score, const std::vector<SequenceMeta>& sequences) const {
    std::vector<std::int64_t> chosen, rejected;
    std::vector<double> margins, targets, weights;
    for (const RowSpan& row : row_spans(sequences)) {
      if (row.unit != Unit::kPair) { continue; }
      const SequenceMeta& first = sequences[static_cast<std::size_t>(row.first)];
      chosen.push_back(row.first);
      rejected.push_back(row.first + 1);
      const double margin = first.has_margin ? first.margin : 0;
      margins.push_back(soft_ ? 0 : margin);
      targets.push_back(soft_ ? 1 / (1 + std::exp(-options_.rpo_eta * margin))
                              : 1 - options_.label_smoothing);
      weights.push_back(first.weight);
    }
    const at::Device device = score.device();
    const at::Tensor r_w = score.index_select(0, device_tensor(chosen, device));
    const at::Tensor r_l = score.index_select(0, device_tensor(rejected, device));
    const at::Tensor x = r_w - r_l - device_tensor(margins, device);
    at::Tensor loss = exact_softplus(x) - device_tensor(targets, device) * x;
    const double centring = options_.center_rewards_coefficient;
    if (centring != 0) { loss = loss + centring * (r_w + r_l).square(); }
    return loss.dot(device_tensor(weights, device));
  }

  static at::Tensor regression_sum(const at::Tensor& score, const std::vector<SequenceMeta>& sequences) {
    std::vector<std::int64_t> index;
    std::vector<double> targets, weights;
    for (std::size_t s = 0; s < sequences.size(); ++s) {
      if (sequences[s].unit == Unit::kPair) { continue; }
      index.push_back(static_cast<std::int64_t>(s));
      targets.push_back(sequences[s].unit == Unit::kBinary ? sequences[s].target : sequences[s].raw_score);
      weights.push_back(sequences[s].weight);
    }
    const at::Device device = score.device();
    const at::Tensor e = score.index_select(0, device_tensor(index, device)) - device_tensor(targets, device);
    return e.square().dot(device_tensor(weights, device));
  }

  static void add_metrics(const std::vector<double>& score, const std::vector<SequenceMeta>& sequences,
                          MetricSums& metrics) {
    for (std::size_t s = 0; s < sequences.size(); ++s) {
      metrics.add("mean_reward", score[s]);
      metrics.add_min("min_reward", score[s]);
      metrics.add_max("max_reward", score[s]);
      if (sequences[s].unit == Unit::kPair && sequences[s].slot == 1) {
        metrics.add("margin", score[s - 1] - score[s]);
        metrics.add("accuracy", score[s - 1] > score[s] ? 1 : 0);
      }
    }
  }

  ObjectiveOptions options_;
  PartWeights weights_;
  bool soft_;
};

}  // namespace

std::unique_ptr<Objective> make_reward(const ObjectiveOptions& options) {
  check_label_smoothing(options);
  check_input(std::isfinite(options.center_rewards_coefficient) && options.center_rewards_coefficient >= 0,
              "center_rewards_coefficient must not be negative, not ", options.center_rewards_coefficient);
  check_input(std::isfinite(options.rpo_eta), "rpo_eta must be a number, not ", options.rpo_eta);
  check_input(options.reward_margin != "soft_label" || options.label_smoothing == 0,
              "reward_margin soft_label has its labels from the margins: leave label_smoothing at 0");
  return std::make_unique<Reward>(options);
}

}  // namespace una::objective
