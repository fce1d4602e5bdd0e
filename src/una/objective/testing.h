#pragma once

#include <cmath>
#include <string>
#include <vector>

#include <ATen/ops/tensor.h>

#include "una/objective/objective.h"

// For this room's tests: tables and log-probs made by hand.
namespace una::objective::testing {

// One answer: log-prob sums under policy and reference, and its number of loss tokens.
struct Answer {
  double logp = 0, ref = 0;
  std::int64_t tokens = 3;
};

// A batch under construction.
struct Batch {
  std::vector<SequenceMeta> sequences;
  std::vector<double> logp, ref;  // [N]
  std::vector<double> score;      // [S], reward models
  std::vector<double> value;      // [S], value head

  // Appends one answer; its log-probs are spread unevenly over its tokens.
  SequenceMeta& add(Unit unit, std::int32_t slot, const Answer& answer, double target) {
    SequenceMeta meta;
    if (slot == 0) { ++rows; }
    meta.row = rows - 1;
    meta.slot = slot;
    meta.unit = unit;
    meta.target = meta.raw_score = target;
    meta.logp_begin = static_cast<std::int64_t>(logp.size());
    for (std::int64_t i = 0; i < answer.tokens; ++i) {
      const double share =
          2.0 * static_cast<double>(i + 1) / static_cast<double>(answer.tokens * (answer.tokens + 1));
      logp.push_back(answer.logp * share);
      // Equal sums are equal token by token, so that Delta is 0 and not a rounding error.
      ref.push_back(answer.ref *
                    (answer.logp == answer.ref ? share : 1 / static_cast<double>(answer.tokens)));
    }
    meta.logp_end = static_cast<std::int64_t>(logp.size());
    meta.tokens = answer.tokens + 2;
    sequences.push_back(meta);
    return sequences.back();
  }
  void add_pair(const Answer& chosen, const Answer& rejected) {
    add(Unit::kPair, 0, chosen, 1);
    add(Unit::kPair, 1, rejected, 0);
  }
  // The same gap for both answers of the last pair.
  void set_margin(double margin) {
    for (std::size_t s = sequences.size() - 2; s < sequences.size(); ++s) {
      sequences[s].has_margin = true;
      sequences[s].margin = margin;
    }
  }

  ObjectiveInput input() const {
    const auto options = at::TensorOptions().dtype(at::kDouble);
    ObjectiveInput out;
    out.sequences = &sequences;
    out.logp = at::tensor(logp, options);
    out.ref_logp = at::tensor(ref, options);
    if (!score.empty()) { out.score = at::tensor(score, options); }
    if (!value.empty()) { out.value = at::tensor(value, options); }
    return out;
  }

  std::int64_t rows = 0;
};

// The loss of a batch with its gradients.
struct Outcome {
  double loss = 0;                  // sum_k lambda_k S_k / N_k
  std::vector<double> slope;        // [S] dL/dDelta, or dL/dscore
  std::vector<double> value_slope;  // [S] dL/dV, where there is a value head
  std::vector<double> sums, counts;
  MetricSums metrics;
};

inline std::vector<double> scales_of(const Objective& objective, const std::vector<double>& counts) {
  std::vector<double> scales = objective.weights(counts);
  for (std::size_t k = 0; k < counts.size(); ++k) { scales[k] = counts[k] > 0 ? scales[k] / counts[k] : 0; }
  return scales;
}

// The batch as a whole step.
inline Outcome run(const Objective& objective, const Batch& batch) {
  Outcome out;
  out.counts = objective.count(batch.sequences);
  const std::vector<double> scales = scales_of(objective, out.counts);
  const Evaluation evaluation = evaluate(objective, batch.input(), scales);
  out.sums = evaluation.sums;
  out.metrics = evaluation.metrics;
  for (std::size_t k = 0; k < scales.size(); ++k) { out.loss += scales[k] * out.sums[k]; }
  const at::Tensor& gradient = evaluation.dlogp.defined() ? evaluation.dlogp : evaluation.dscore;
  for (std::size_t s = 0; s < batch.sequences.size(); ++s) {
    const std::int64_t at =
        evaluation.dlogp.defined() ? batch.sequences[s].logp_begin : static_cast<std::int64_t>(s);
    out.slope.push_back(gradient.const_data_ptr<float>()[at]);
    if (evaluation.dvalue.defined()) {
      out.value_slope.push_back(evaluation.dvalue.const_data_ptr<float>()[s]);
    }
  }
  return out;
}

// The loss alone, for finite differences.
inline double loss_of(const Objective& objective, const Batch& batch) {
  const std::vector<double> scales = scales_of(objective, objective.count(batch.sequences));
  const LossTerms terms = objective.terms(batch.input());
  double loss = 0;
  for (std::size_t k = 0; k < scales.size(); ++k) { loss += scales[k] * terms.sums[k].item<double>(); }
  return loss;
}

inline Outcome run(const std::string& method, const ObjectiveOptions& options, const Batch& batch) {
  return run(*make_objective(method, options), batch);
}

// Inputs A of docs/objectives.md: three pairs with beta 0.1.
inline const std::vector<Answer>& inputs_a() {
  static const std::vector<Answer> kAnswers = {{-.5, -.5, 5},    {-.1, -.1, 2}, {-10, -10.1, 10},
                                               {-30, -20.1, 15}, {-1, -.1, 4},  {-21, -.1, 20}};
  return kAnswers;
}

inline Batch pairs_a(const std::vector<double>& gaps = {}) {
  Batch batch;
  for (std::size_t p = 0; p < 3; ++p) {
    batch.add_pair(inputs_a()[2 * p], inputs_a()[2 * p + 1]);
    if (!gaps.empty()) { batch.set_margin(gaps[p]); }
  }
  return batch;
}

// The six answers as single rows, chosen first: w1 w2 w3 l1 l2 l3.
inline Batch points_a(Unit unit, const std::vector<double>& targets) {
  Batch batch;
  for (std::size_t i = 0; i < 6; ++i) {
    batch.add(unit, 0, inputs_a()[i < 3 ? 2 * i : 2 * (i - 3) + 1], targets[i]);
  }
  return batch;
}

inline Batch labels_a() { return points_a(Unit::kBinary, {1, 1, 1, 0, 0, 0}); }
inline Batch scores_a() { return points_a(Unit::kScore, {.9, .7, .6, .2, .4, .1}); }

// The KTO inputs of docs/objectives.md; z0 is .375.
inline Batch labels_kto() {
  Batch batch;
  batch.add(Unit::kBinary, 0, {-10, -11}, 1);
  batch.add(Unit::kBinary, 0, {-12, -11}, 0);
  batch.add(Unit::kBinary, 0, {-9, -9.5}, 1);
  batch.add(Unit::kBinary, 0, {-20, -18}, 0);
  return batch;
}

}  // namespace una::objective::testing
