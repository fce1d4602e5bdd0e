#include "una/online/annotate.h"

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

#include "una/online/advantage.h"

namespace una::online {
namespace {

std::vector<float> part_of(const at::Tensor& values, const SequenceMeta& meta) {
  const at::Tensor own = values.narrow(0, meta.logp_begin, meta.loss_tokens()).to(at::kFloat).contiguous();
  const float* data = own.const_data_ptr<float>();
  return {data, data + own.numel()};
}

Sequence& sequence_of(std::vector<Row>& rows, const SequenceMeta& meta) {
  return rows[static_cast<std::size_t>(meta.group_id)].sequences[static_cast<std::size_t>(meta.slot)];
}

std::vector<double> doubles(const std::vector<float>& values) { return {values.begin(), values.end()}; }
std::vector<float> floats(const std::vector<double>& values) { return {values.begin(), values.end()}; }

std::vector<Sequence*> all_sequences(std::vector<Row>& rows) {
  std::vector<Sequence*> all;
  for (Row& row : rows) {
    for (Sequence& sequence : row.sequences) { all.push_back(&sequence); }
  }
  return all;
}

// Generalised advantages per sequence, whitened over the round.
void add_advantages(std::vector<Row>& rows, const RoundParts& parts, MetricSums& metrics) {
  const KlEstimator estimator = parts.options.kl_estimator == "k1" ? KlEstimator::kK1 : KlEstimator::kK3;
  const std::vector<Sequence*> sequences = all_sequences(rows);
  std::vector<std::vector<double>> rewards, advantages;
  for (const Sequence* sequence : sequences) {
    rewards.push_back(token_rewards(sequence->columns.at("old_logp"), sequence->columns.at("ref_logp"),
                                    sequence->raw_score, parts.beta, estimator));
    double total = 0;
    for (const double reward : rewards.back()) { total += reward; }
    metrics.add("objective/rlhf_reward", total);
    metrics.add("objective/scores", sequence->raw_score);
    metrics.add("objective/non_score_reward", total - sequence->raw_score);
  }
  metrics.add("objective/kl_coef", parts.beta);
  if (parts.options.whiten_rewards) { whiten(rewards, true); }
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    Advantages own = generalized_advantages(rewards[s], doubles(sequences[s]->columns.at("old_value")),
                                            parts.options.gamma, parts.options.lam);
    sequences[s]->columns["return"] = floats(own.returns);
    advantages.push_back(std::move(own.advantage));
  }
  if (parts.options.whiten_advantages) { whiten(advantages, false); }
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    sequences[s]->columns["advantage"] = floats(advantages[s]);
  }
}

// KL and entropy of an answer under the policy that sampled, by its own log-probs (TRL's objective/kl and
// objective/entropy).
void add_kl_and_entropy(const std::vector<Sequence*>& sequences, MetricSums& metrics) {
  for (const Sequence* sequence : sequences) {
    const std::vector<float>& old = sequence->columns.at("old_logp");
    double entropy = 0, kl = 0;
    for (const float logp : old) { entropy -= static_cast<double>(logp); }
    metrics.add("objective/entropy", entropy);
    const auto reference = sequence->columns.find("ref_logp");
    if (reference == sequence->columns.end()) { continue; }
    for (std::size_t t = 0; t < old.size(); ++t) {
      kl += static_cast<double>(old[t]) - static_cast<double>(reference->second[t]);
    }
    metrics.add("objective/kl", kl);
  }
}

bool needs_old(const RoundParts& parts) {
  return parts.method == Method::kPpo || parts.options.anchor == "rollout" ||
         parts.options.num_iterations * parts.options.num_mini_batches > 1;
}

}  // namespace

void annotate(std::vector<Row>& rows, const RoundParts& parts, MetricSums& metrics) {
  if (!needs_old(parts) || rows.empty()) { return; }
  for (std::size_t i = 0; i < rows.size(); ++i) { rows[i].group_id = i; }
  const c10::AutoGradMode no_grad(false);
  const bool rollout_anchor = parts.options.anchor == "rollout";
  for (const PackedBatch& batch : data::pack_rows(rows, parts.pack)) {
    const at::Tensor old = parts.set->model->forward(batch, {}, {.adapter = parts.set->policy}).logp;
    at::Tensor reference;
    if (rollout_anchor) {
      reference = old;
    } else if (parts.set->reference != nullptr) {
      reference = parts.set->reference->logps(batch);
    }
    const at::Tensor values =
        parts.method == Method::kPpo ? train::critic_values(*parts.set, batch, {}) : at::Tensor();
    for (const SequenceMeta& meta : batch.sequences) {
      Sequence& sequence = sequence_of(rows, meta);
      sequence.columns["old_logp"] = part_of(old, meta);
      if (reference.defined()) { sequence.columns["ref_logp"] = part_of(reference, meta); }
      if (values.defined()) { sequence.columns["old_value"] = part_of(values, meta); }
    }
  }
  add_kl_and_entropy(all_sequences(rows), metrics);
  if (parts.method == Method::kPpo) { add_advantages(rows, parts, metrics); }
}

}  // namespace una::online
