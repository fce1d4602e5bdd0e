#include <cmath>
#include <limits>

#include <ATen/ops/zeros.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/objective/length_norm.h"
#include "una/objective/methods.h"
#include "una/objective/metrics.h"
#include "una/objective/pair/pair_losses.h"
#include "una/objective/rows.h"
#include "una/objective/sequence_sums.h"
#include "una/objective/tensor_operators.h"

namespace una::objective {
namespace {

// The host side of a table of pairs.
struct PairTable {
  std::vector<std::int64_t> chosen, rejected;
  std::vector<double> chosen_length, rejected_length, gap, weight;
  bool has_all_gaps = true, has_weights = false;
};

PairTable pair_table(const std::vector<SequenceMeta>& sequences) {
  PairTable table;
  for (const RowSpan& row : row_spans(sequences)) {
    check(row.unit == Unit::kPair, "dpo: a row that is not a pair");
    const SequenceMeta& w = sequences[static_cast<std::size_t>(row.first)];
    const SequenceMeta& l = sequences[static_cast<std::size_t>(row.first + 1)];
    table.chosen.push_back(row.first);
    table.rejected.push_back(row.first + 1);
    table.chosen_length.push_back(static_cast<double>(std::max<std::int64_t>(1, w.loss_tokens())));
    table.rejected_length.push_back(static_cast<double>(std::max<std::int64_t>(1, l.loss_tokens())));
    table.gap.push_back(w.has_margin ? w.margin : 0);
    table.weight.push_back(w.weight);
    table.has_all_gaps &= w.has_margin;
    table.has_weights |= w.weight != 1;
  }
  return table;
}

// DPO and its relatives: one loss per pair, divided by the number of pairs P, and optionally the chosen
// answers' NLL, divided by their tokens.
class Dpo final : public Objective {
 public:
  Dpo(const ObjectiveOptions& options, const PairLossEntry& entry)
      : options_(options),
        entry_(entry),
        nll_(entry.nll + options.rpo_alpha),
        norm_(options.log_ratio_norm) {}

  Needs needs() const override {
    return {.reference = entry_.reference, .columns = entry_.gap, .survey = norm_.is_mean()};
  }
  bool accepts(Unit unit) const override { return unit == Unit::kPair; }

  std::vector<std::string> parts() const override {
    if (nll_ == 0) { return {"loss"}; }
    return {"loss", "nll"};
  }

  std::vector<double> count(const std::vector<SequenceMeta>& sequences) const override {
    const double pairs = count_rows(sequences, Unit::kPair);
    if (nll_ == 0) { return {pairs}; }
    double tokens = 0;
    for (const SequenceMeta& s : sequences) {
      tokens += s.slot == 0 ? static_cast<double>(s.loss_tokens()) : 0;
    }
    return {pairs, tokens};
  }

  // The two means are added, not weighted by their numbers of terms.
  std::vector<double> weights(const std::vector<double>& counts) const override {
    std::vector<double> out{1};
    if (counts.size() > 1) { out.push_back(nll_); }
    return out;
  }

  std::string lacks(const SequenceMeta& sequence) const override {
    if (!entry_.gap || sequence.has_margin) { return ""; }
    return cat("field \"margin\" is missing (or two scores): loss_type ", entry_.name,
               " compares with an explicit gap");
  }

  void observe(const std::vector<SequenceMeta>& row) override { norm_.observe(row); }
  Json state() const override {
    return norm_.is_mean() ? Json{{"mean_length", norm_.state()}} : Json::object();
  }
  void load_state(const Json& state) override {
    if (!norm_.is_mean()) { return Objective::load_state(state); }
    if (state.contains("mean_length")) { norm_.load_state(state.at("mean_length")); }
  }

  LossTerms terms(const ObjectiveInput& input) const override {
    const LogRatios ratios = log_ratios(input, entry_.reference);
    const PairTable table = pair_table(*input.sequences);
    check_table(table);
    const at::Device device = ratios.delta.device();
    const at::Tensor delta = norm_.apply(ratios.delta, *input.sequences);
    const Pairs pairs = make_pairs(table, ratios, delta);
    at::Tensor losses = entry_.loss(pairs, options_);
    const at::Tensor weight = device_tensor(table.weight, device);
    if (table.has_weights) { losses = losses * weight; }
    LossTerms out;
    out.sums.push_back(losses.sum());
    if (nll_ != 0) {
      out.sums.push_back(-(pairs.chosen_logp * weight).sum());
      out.metrics.add("nll_loss", host_values(out.sums.back().reshape({1})).front(),
                      count(*input.sequences).back());
    }
    add_loss_metrics(host_values(losses), "", out.metrics);
    add_answer_metrics(input, answer_values(table, ratios, delta), out.metrics);
    add_statistics(input, out.metrics);
    return out;
  }

  double loss_at_reference(const std::vector<SequenceMeta>& sequences) const override {
    if (!entry_.reference || nll_ != 0) { return std::numeric_limits<double>::quiet_NaN(); }
    return loss_of_equal_policies(*this, sequences);
  }

 private:
  void check_table(const PairTable& table) const {
    check_input(!entry_.gap || table.has_all_gaps, "loss_type ", entry_.name,
                " compares with an explicit gap, but a pair has neither a margin nor two scores: add "
                "\"margin\" or scores to every row, or take another loss_type");
    check_input(
        !entry_.rewrites_order || !table.has_weights, "loss_type ", entry_.name,
        " sorts the pairs of a batch, which loses the rows that weights belong to: leave out \"weight\" "
        "or take another loss_type");
  }

  Pairs make_pairs(const PairTable& table, const LogRatios& ratios, const at::Tensor& delta) const {
    const at::Device device = ratios.delta.device();
    const at::Tensor w = device_tensor(table.chosen, device), l = device_tensor(table.rejected, device);
    Pairs pairs;
    pairs.chosen = delta.index_select(0, w);
    pairs.rejected = delta.index_select(0, l);
    pairs.z = divergence_score(pairs.chosen, options_) - divergence_score(pairs.rejected, options_);
    pairs.chosen_logp = ratios.policy.index_select(0, w);
    pairs.rejected_logp = ratios.policy.index_select(0, l);
    if (ratios.reference.defined()) {
      pairs.chosen_ref = ratios.reference.index_select(0, w);
      pairs.rejected_ref = ratios.reference.index_select(0, l);
    }
    pairs.chosen_length = device_tensor(table.chosen_length, device);
    pairs.rejected_length = device_tensor(table.rejected_length, device);
    pairs.gap = device_tensor(table.gap, device);
    return pairs;
  }

  // Without a reference the reward is beta times the mean log-prob per token, as TRL logs it.
  AnswerValues answer_values(const PairTable& table, const LogRatios& ratios, const at::Tensor& delta) const {
    AnswerValues values;
    values.logp = host_values(ratios.policy);
    values.reward = host_values(options_.beta * delta);
    if (entry_.reference) {
      values.log_ratio = host_values(ratios.delta);
      return values;
    }
    for (std::size_t p = 0; p < table.chosen.size(); ++p) {
      values.reward[static_cast<std::size_t>(table.chosen[p])] /= table.chosen_length[p];
      values.reward[static_cast<std::size_t>(table.rejected[p])] /= table.rejected_length[p];
    }
    return values;
  }

  ObjectiveOptions options_;
  PairLossEntry entry_;
  double nll_;  // weight of the NLL part; 0: no such part
  LengthNorm norm_;
};

void check_smoothing(const ObjectiveOptions& options, const PairLossEntry& entry) {
  check_label_smoothing(options);
  const std::string name = entry.name;
  check_input(entry.smoothing || options.label_smoothing == 0, "loss_type ", name,
              " has no label_smoothing: take sigmoid or robust, or leave it at 0");
  check_input(name != "exo_pair" || options.label_smoothing > 0,
              "loss_type exo_pair needs label_smoothing above 0; its paper recommends 1e-3");
  check_input(name != "robust" || options.label_smoothing < 0.5,
              "loss_type robust needs label_smoothing below 0.5");
}

}  // namespace

std::unique_ptr<Objective> make_dpo(const ObjectiveOptions& options) {
  check_beta(options);
  const PairLossEntry& entry = pair_losses()[choose("loss_type", options.loss_type, pair_loss_names())];
  check_smoothing(options, entry);
  divergence_score(at::zeros({1}, at::TensorOptions().dtype(at::kDouble)), options);  // refuses a wrong name
  check_input(options.f_divergence_type == "reverse_kl" || entry.divergence, "loss_type ", options.loss_type,
              " is defined for f_divergence_type reverse_kl only");
  check_input(options.log_ratio_norm != "mean" || entry.by_delta, "loss_type ", options.loss_type,
              " has its own lengths: leave log_ratio_norm at sum");
  check_input(std::isfinite(options.rpo_alpha) && options.rpo_alpha >= 0,
              "rpo_alpha must not be negative, not ", options.rpo_alpha);
  check_input(std::isfinite(options.rpo_eta), "rpo_eta must be a number, not ", options.rpo_eta);
  check_input(std::isfinite(options.simpo_gamma), "simpo_gamma must be a number, not ", options.simpo_gamma);
  check_input(std::isfinite(options.f_alpha_divergence_coef),
              "f_alpha_divergence_coef must be a number, not ", options.f_alpha_divergence_coef);
  check_input(options.discopop_tau > 0, "discopop_tau must be positive, not ", options.discopop_tau);
  return std::make_unique<Dpo>(options, entry);
}

}  // namespace una::objective
