#include "una/train/step_runner.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <exception>

#include <ATen/TensorOperators.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/tensor.h>
#include <c10/core/GradMode.h>
#include <c10/util/Exception.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/base/json_line.h"
#include "una/base/rng.h"
#include "una/train/router_metrics.h"

namespace una::train {
namespace {

bool all_finite(const at::Tensor& values) {
  return !values.defined() || at::isfinite(values).all().item<bool>();
}

// A JSON line for each sequence whose numbers are not finite.
void name_bad_rows(const PackedBatch& batch, const at::Tensor& values, const char* what,
                   std::vector<std::string>& lines) {
  if (all_finite(values)) { return; }
  const at::Tensor good = at::isfinite(values).to(at::kCPU);
  const bool per_sequence = values.size(0) == batch.num_sequences() && values.size(0) != batch.num_logps();
  for (std::size_t s = 0; s < batch.sequences.size(); ++s) {
    const SequenceMeta& meta = batch.sequences[s];
    const at::Tensor own = per_sequence ? good.narrow(0, static_cast<std::int64_t>(s), 1)
                                        : good.narrow(0, meta.logp_begin, meta.loss_tokens());
    if (own.all().item<bool>()) { continue; }
    const Where& where = batch.rows[static_cast<std::size_t>(meta.row)];
    lines.push_back(dump_json(
        {{"file", where.file}, {"line", where.line}, {"response", meta.slot}, {"not_finite", what}}));
  }
}

// Packed positions of the tokens that predict each answer's first token: the last ones of the prompts.
at::Tensor prompt_ends(const PackedBatch& batch) {
  std::vector<std::int64_t> begins;
  for (const SequenceMeta& meta : batch.sequences) {
    check(meta.loss_tokens() > 0, "a value of a sequence without an answer");
    begins.push_back(meta.logp_begin);
  }
  return batch.logp_rows.index_select(0, at::tensor(begins, at::TensorOptions().dtype(at::kLong)));
}

// What trains, each tensor with its rule: the critic has its own learning rate, and the policy stays frozen during
// value warm-up.
std::vector<model::TrainableTensor> ruled_tensors(const TrainableSet& set, const StepOptions& options) {
  std::vector<model::TrainableTensor> tensors = set.model->trainable();
  if (!set.has_critic()) { return tensors; }
  for (model::TrainableTensor& tensor : tensors) {
    const bool critic = set.is_critics(tensor);
    tensor.rate = critic ? options.critic_rate : 1;
    tensor.frozen_steps = critic ? 0 : options.value_warmup_steps;
  }
  if (set.critic_model == nullptr) { return tensors; }
  for (model::TrainableTensor& tensor : set.critic_model->trainable()) {
    tensor.rate = options.critic_rate;
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

FlatBuffer::Part own_part(const StepOptions& options, const dist::Gang& gang) {
  return options.split_moments ? FlatBuffer::Part{gang.rank(), gang.size()} : FlatBuffer::Part{};
}

// The weight of the load-balancing loss: 0 where it is not asked for.
double aux_weight(const MoeSpec& moe, const StepOptions& options) {
  const bool asked = options.output_router_logits || options.router_aux_loss_coef.has_value();
  check_input(
      !asked || moe.num_experts > 0,
      "output_router_logits and router_aux_loss_coef are for mixtures of experts; this model has no experts");
  const bool wanted = options.output_router_logits || moe.output_router_logits;
  return wanted ? options.router_aux_loss_coef.value_or(moe.router_aux_loss_coef) : 0;
}

std::vector<SequenceMeta> all_sequences(const StepBatch& batch) {
  std::vector<SequenceMeta> all;
  for (const PackedBatch& micro : batch.micro_batches) {
    all.insert(all.end(), micro.sequences.begin(), micro.sequences.end());
  }
  return all;
}

}  // namespace

bool TrainableSet::is_critics(const model::TrainableTensor& tensor) const {
  const bool shares = critic_model == nullptr && critic != model::kNoAdapter;
  return shares && (tensor.adapter == critic || starts_with(tensor.name, "score."));
}

void TrainableSet::refresh() const {
  model->refresh();
  if (critic_model != nullptr) { critic_model->refresh(); }
}

at::Tensor critic_values(const TrainableSet& set, const PackedBatch& batch, model::ForwardOptions options) {
  PackedBatch critic = batch;
  critic.last_rows = batch.logp_rows;
  options.adapter = set.critic;
  model::Model& model = set.critic_model != nullptr ? *set.critic_model : *set.model;
  return model.forward(critic, {.logp = false, .score = true}, options).score;
}

StepRunner::StepRunner(TrainableSet set, StepOptions options, dist::Gang& gang)
    : set_(set),
      options_(options),
      gang_(gang),
      buffer_(ruled_tensors(set, options), own_part(options, gang)) {
  const objective::Objective::Needs needs = set_.objective->needs();
  check(!needs.reference || set_.reference != nullptr, "this objective needs a reference");
  check(!needs.value || set_.value != nullptr, "this objective needs a value head");
  aux_weight_ = aux_weight(set_.model->spec().moe, options_);
  if (needs.value) { value_buffer_.emplace(set_.value->trainable()); }
  set_.refresh();
}

// Every rank has the whole step's tables, so the counts are global without a message.
std::vector<double> StepRunner::scales(const std::vector<PackedBatch>& batches,
                                       const objective::Objective& objective) const {
  std::vector<double> counts(objective.parts().size(), 0);
  for (const PackedBatch& micro : batches) {
    const std::vector<double> own = objective.count(micro.sequences);
    for (std::size_t k = 0; k < counts.size(); ++k) { counts[k] += own[k]; }
  }
  std::vector<double> out = objective.weights(counts);
  for (std::size_t k = 0; k < counts.size(); ++k) { out[k] = counts[k] == 0 ? 0 : out[k] / counts[k]; }
  return out;
}

StepRunner::Pass StepRunner::pass_of(objective::Objective& objective, const std::vector<PackedBatch>& batches,
                                     bool train, double weight) const {
  double tokens = 0;
  for (const PackedBatch& micro : batches) { tokens += static_cast<double>(micro.num_tokens()); }
  Pass out{&objective, scales(batches, objective), train, tokens > 0 ? weight * aux_weight_ / tokens : 0};
  for (double& scale : out.scales) { scale *= weight; }
  return out;
}

void StepRunner::stop_point() const {
  if (stop_asked_ && stop_asked_()) { throw StepStopped(); }
}

// Does this rank's part of a step. A device that is full on one rank is full for all, so that they run the step
// again in smaller pieces together. A rank that is asked to stop stops all.
void StepRunner::together(const std::function<void()>& own_part) {
  std::exception_ptr full;
  bool stopped = false;
  try {
    own_part();
  } catch (const c10::OutOfMemoryError&) { full = std::current_exception(); } catch (const StepStopped&) {
    stopped = true;
  }
  std::array<double, 2> votes = {stopped ? 1.0 : 0.0, full != nullptr ? 1.0 : 0.0};
  gang_.sum(votes);
  if (votes[0] > 0) { throw StepStopped(); }
  if (votes[1] == 0) { return; }
  if (full != nullptr) { std::rethrow_exception(full); }
  C10_THROW_ERROR(OutOfMemoryError, "the step does not fit into the memory of another rank's device");
}

// The quantities a whole step shares: KTO's baseline, from no-grad passes before the first backward.
void StepRunner::begin_step(const StepBatch& batch) {
  std::array<double, 2> sum_and_count{};
  if (set_.objective->needs().kl_rows) {
    together([&] {
      const c10::AutoGradMode no_grad(false);
      for (const std::size_t number : rank_share(batch.kl, gang_)) {
        stop_point();
        const PackedBatch& micro = batch.kl[number];
        const at::Tensor policy = set_.model->forward(micro, {}, {.adapter = set_.policy}).logp;
        const at::Tensor difference = policy.to(at::kDouble) - set_.reference->logps(micro).to(at::kDouble);
        sum_and_count[0] += difference.sum().item<double>();
        sum_and_count[1] += static_cast<double>(micro.num_sequences());
      }
    });
    gang_.sum(sum_and_count);
  }
  set_.objective->begin_step(sum_and_count[0], sum_and_count[1]);
}

// Some batches carry their own reference log-probs (the sampling policy as anchor).
at::Tensor StepRunner::reference_logps(const PackedBatch& batch) {
  const auto found = batch.columns.find("ref_logp");
  return found == batch.columns.end() ? set_.reference->logps(batch) : found->second;
}

at::Tensor StepRunner::token_values(const PackedBatch& batch, bool train, std::uint64_t dropout_key) {
  return critic_values(set_, batch,
                       {.training = train && options_.dropout,
                        .gradient_checkpointing = options_.gradient_checkpointing,
                        .dropout_key = random_bits(dropout_key, stream_id("critic"), 0)});
}

PolicyOutput StepRunner::forward(const PackedBatch& batch, const Pass& pass, std::uint64_t dropout_key,
                                 model::RouterReport& routers) {
  const objective::Objective::Needs needs = pass.objective->needs();
  PolicyWants wants{
      .logp = needs.logp, .statistics = options_.statistics && needs.logp, .score = needs.score};
  if (needs.value) { wants.state_rows = prompt_ends(batch); }
  return set_.model->forward(batch, wants,
                             {.adapter = set_.policy,
                              .training = pass.train && options_.dropout,
                              .gradient_checkpointing = options_.gradient_checkpointing,
                              .dropout_key = dropout_key,
                              .routers = &routers});
}

void StepRunner::micro_batch(const PackedBatch& batch, const Pass& pass, std::uint64_t dropout_key,
                             ShareFindings& found) {
  const c10::AutoGradMode grad(pass.train);
  const objective::Objective::Needs needs = pass.objective->needs();
  const auto tokens = static_cast<double>(batch.num_tokens());
  model::RouterReport routers{.aux_weight = pass.aux_per_token * tokens};
  PolicyOutput out = forward(batch, pass, dropout_key, routers);
  at::Tensor value;
  if (needs.value) { value = set_.value->values(out.states); }
  objective::ObjectiveInput input{.sequences = &batch.sequences,
                                  .entropy = out.entropy,
                                  .mean_logit = out.mean_logit,
                                  .greedy = out.greedy};
  if (out.logp.defined()) { input.logp = out.logp.detach(); }
  if (out.score.defined()) { input.score = out.score.detach(); }
  if (value.defined()) { input.value = value.detach(); }
  if (needs.reference) { input.ref_logp = reference_logps(batch); }
  const at::Tensor token_value =
      needs.token_values ? token_values(batch, pass.train, dropout_key) : at::Tensor();
  if (token_value.defined()) { input.token_value = token_value.detach(); }
  input.columns = &batch.columns;
  name_bad_rows(batch, input.logp, "log-prob", found.bad_rows);
  name_bad_rows(batch, input.score, "score", found.bad_rows);
  name_bad_rows(batch, input.value, "value", found.bad_rows);
  name_bad_rows(batch, input.ref_logp, "reference log-prob", found.bad_rows);
  name_bad_rows(batch, input.token_value, "value", found.bad_rows);

  const objective::Evaluation evaluation = objective::evaluate(*pass.objective, input, pass.scales);
  for (std::size_t k = 0; k < pass.scales.size(); ++k) { found.loss += pass.scales[k] * evaluation.sums[k]; }
  found.loss += routers.aux_weight * routers.aux_loss;
  found.metrics.merge(evaluation.metrics);
  add_router_metrics(routers, tokens, found.metrics);
  if (!pass.train || !found.bad_rows.empty()) { return; }
  if (evaluation.dlogp.defined() && out.logp.defined()) {
    out.logp.backward(evaluation.dlogp.to(out.logp.scalar_type()),
                      /*retain_graph=*/evaluation.dscore.defined());
  }
  if (evaluation.dscore.defined() && out.score.defined()) {
    out.score.backward(evaluation.dscore.to(out.score.scalar_type()));
  }
  if (evaluation.dvalue.defined()) { value.backward(evaluation.dvalue.to(value.scalar_type())); }
  if (token_value.defined()) { token_value.backward(evaluation.dtoken_value.to(token_value.scalar_type())); }
}

// This rank's share of the micro-batches. `stream` and `step` make the dropout keys, with each micro-batch's number
// in the whole step.
ShareFindings StepRunner::own_share(const std::vector<PackedBatch>& batches, const Pass& pass,
                                    const char* stream, std::int64_t step) {
  ShareFindings found;
  for (const std::size_t number : rank_share(batches, gang_)) {
    stop_point();
    const std::uint64_t key =
        random_bits(options_.seed, stream_id(stream), static_cast<std::uint64_t>(step), number);
    heap_.before(batches[number].tokens.size(0));
    micro_batch(batches[number], pass, key, found);
    heap_.after();
  }
  return found;
}

// What all ranks found in all micro-batches.
ShareFindings StepRunner::all_shares(const std::vector<PackedBatch>& batches, const Pass& pass,
                                     const char* stream, std::int64_t step) {
  ShareFindings own;
  together([&] { own = own_share(batches, pass, stream, step); });
  return merge_findings(own, gang_);
}

void StepRunner::mix_offline(const StepBatch& batch, std::int64_t step, StepResult& result) {
  if (batch.offline.empty()) { return; }
  check(set_.offline != nullptr && set_.offline_weight > 0, "offline rows without a loss");
  const Pass pass = pass_of(*set_.offline, batch.offline, true, set_.offline_weight);
  ShareFindings found = all_shares(batch.offline, pass, "offline dropout", step);
  result.loss += found.loss;
  result.bad_rows.insert(result.bad_rows.end(), found.bad_rows.begin(), found.bad_rows.end());
  found.metrics.add("loss", found.loss / set_.offline_weight);
  result.metrics.merge(found.metrics, "offline/");
}

StepResult StepRunner::gradients(const StepBatch& batch, std::int64_t step) {
  buffer_.zero_grads();
  if (value_buffer_) { value_buffer_->zero_grads(); }
  const Pass pass = pass_of(*set_.objective, batch.micro_batches, true);
  begin_step(batch);
  StepResult result{all_shares(batch.micro_batches, pass, "dropout", step)};
  mix_offline(batch, step, result);
  gang_.sum(buffer_.grads());
  buffer_.zero_frozen_grads(updates_ + 1);
  if (value_buffer_) { gang_.sum(value_buffer_->grads()); }
  result.grad_norm = buffer_.grad_norm();
  return result;
}

// Parameters of the next update. The factor is that of torch.nn.utils.clip_grad_norm_.
kernels::AdamWParams StepRunner::adam(double learning_rate, double grad_norm) const {
  kernels::AdamWParams params{.learning_rate = learning_rate,
                              .beta1 = options_.adam_beta1,
                              .beta2 = options_.adam_beta2,
                              .epsilon = options_.adam_epsilon,
                              .weight_decay = options_.weight_decay,
                              .step = updates_ + 1};
  if (options_.max_grad_norm > 0) {
    params.gradient_scale = std::min(1.0, options_.max_grad_norm / (grad_norm + 1e-6));
  }
  return params;
}

StepResult StepRunner::step(const StepBatch& batch, std::int64_t step, double learning_rate,
                            double value_learning_rate) {
  StepResult result = gradients(batch, step);
  if (!std::isfinite(result.loss) || !result.bad_rows.empty()) {
    result.trouble = cat("the loss is not finite (", result.loss, ")");
    return result;
  }
  if (!std::isfinite(result.grad_norm)) {
    result.trouble = "the gradient is not finite";
    for (const auto& [name, norm] : buffer_.span_norms()) {
      if (!std::isfinite(norm)) {
        result.trouble += cat(" (first in ", name, ")");
        break;
      }
    }
    return result;
  }
  result.verdict = set_.objective->judge(result.metrics);
  if (result.verdict != StepVerdict::kApply) { return result; }
  if (value_buffer_) {
    const double norm = value_buffer_->grad_norm();
    if (!std::isfinite(norm)) {
      result.trouble = "the value head's gradient is not finite";
      return result;
    }
    result.metrics.add("una/value_grad_norm", norm);
    value_buffer_->update(adam(value_learning_rate, norm));
  }
  buffer_.update(adam(learning_rate, result.grad_norm));
  if (buffer_.parts() > 1) { gang_.gather_parts(buffer_.values_in_parts()); }
  ++updates_;
  set_.refresh();
  set_.objective->end_step(result.metrics);
  result.applied = true;
  return result;
}

MetricSums StepRunner::evaluate(const StepBatch& batch) {
  const Json before = set_.objective->state();  // an evaluation must not move the running means of training
  const Pass pass = pass_of(*set_.objective, batch.micro_batches, false);
  ShareFindings found;
  try {
    begin_step(batch);
    found = all_shares(batch.micro_batches, pass, "evaluation", 0);
  } catch (const StepStopped&) {
    set_.objective->load_state(before);
    throw;
  }
  const std::vector<SequenceMeta> sequences = all_sequences(batch);
  double terms = 0;
  for (const double count : set_.objective->count(sequences)) { terms += count; }
  found.metrics.add("loss", found.loss * terms, terms);
  set_.objective->load_state(before);
  return found.metrics;
}

}  // namespace una::train
