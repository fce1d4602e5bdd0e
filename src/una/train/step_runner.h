#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "una/base/heap.h"
#include "una/core/loss.h"
#include "una/core/step_batch.h"
#include "una/dist/gang.h"
#include "una/model/model.h"
#include "una/model/value_head.h"
#include "una/objective/objective.h"
#include "una/train/flat_buffer.h"
#include "una/train/reference.h"

namespace una::train {

// One thing that learns: which tensors (all that the model says are trainable), by which loss, against which
// reference. A run has one; online methods have several (policy, critic).
struct TrainableSet {
  model::Model* model = nullptr;
  model::AdapterId policy = model::kNoAdapter;
  // What values tokens (needs().token_values): an adapter of `critic_model`, or that model as it is; its
  // reward head is read. nullptr: an adapter of `model`.
  model::AdapterId critic = model::kNoAdapter;
  model::Model* critic_model = nullptr;
  objective::Objective* objective = nullptr;
  Reference* reference = nullptr;     // nullptr where the objective needs none
  model::ValueHead* value = nullptr;  // likewise
  // The loss of StepBatch::offline, of the policy alone and without a memory of its own, times
  // `offline_weight`.
  objective::Objective* offline = nullptr;
  double offline_weight = 1;

  bool has_critic() const { return critic != model::kNoAdapter || critic_model != nullptr; }
  bool is_critics(const model::TrainableTensor& tensor) const;  // of `model`: the critic's, not the policy's
  void refresh() const;                                         // after the optimiser changed masters
};

// The critic's head reads the token before each loss token: [N]. The adapter of `options` does not count.
at::Tensor critic_values(const TrainableSet& set, const PackedBatch& batch, model::ForwardOptions options);

struct StepOptions {
  double max_grad_norm = 1;
  double adam_beta1 = 0.9, adam_beta2 = 0.999, adam_epsilon = 1e-8, weight_decay = 0;
  bool gradient_checkpointing = false;
  bool dropout = false;
  bool statistics = true;  // entropy, mean logit, greedy accuracy with every forward
  std::uint64_t seed = 42;
  double critic_rate = 1;         // the critic's learning rate, as a multiple of the run's
  std::int64_t critic_alone = 0;  // updates at the start that move the critic only
};

struct StepResult {
  double loss = 0;
  double grad_norm = 0;  // before clipping
  bool applied = false;  // false: the optimiser was not called, by `verdict` or for `trouble`
  StepVerdict verdict = StepVerdict::kApply;  // the objective's
  std::string trouble;                        // what was not finite, in words
  std::vector<std::string> bad_rows;          // JSONL lines: where, what
  MetricSums metrics;
};

// Forward, loss, backward, clip, AdamW: one optimiser step over the micro-batches of a StepBatch. Losses are
// sums divided once by global counts, so any cut into micro-batches (or ranks) gives the same gradient.
class StepRunner {
 public:
  StepRunner(TrainableSet set, StepOptions options, dist::Gang& gang);

  // `step` counts from 1 (AdamW's bias correction, dropout keys). Does not step when loss or gradient are not
  // finite. The value head has its own rate and is clipped by its own norm.
  StepResult step(const StepBatch& batch, std::int64_t step, double learning_rate,
                  double value_learning_rate = 0);
  // Loss and metrics without gradients; the metrics hold "loss".
  MetricSums evaluate(const StepBatch& batch);
  // Gradient of the batch's loss left in the flat buffer, no update: for tests and self-checks.
  StepResult gradients(const StepBatch& batch, std::int64_t step);

  FlatBuffer& buffer() { return buffer_; }
  FlatBuffer* value_buffer() { return value_buffer_ ? &*value_buffer_ : nullptr; }  // of the value head
  TrainableSet& set() { return set_; }
  std::int64_t updates() const { return updates_; }
  void set_updates(std::int64_t updates) { updates_ = updates; }

 private:
  // By which loss a micro-batch goes through, what its sums are multiplied by, and whether backward too.
  struct Pass {
    objective::Objective* objective;
    std::vector<double> scales;
    bool train;
  };
  at::Tensor reference_logps(const PackedBatch& batch);                                      // [N]
  at::Tensor token_values(const PackedBatch& batch, bool train, std::uint64_t dropout_key);  // [N]
  PolicyOutput forward(const PackedBatch& batch, const Pass& pass, std::uint64_t dropout_key);
  kernels::AdamWParams adam(double learning_rate, double grad_norm) const;
  std::vector<double> scales(const std::vector<PackedBatch>& batches, const objective::Objective& objective);
  void begin_step(const StepBatch& batch);
  void micro_batch(const PackedBatch& batch, const Pass& pass, std::uint64_t dropout_key, StepResult& result);
  void micro_batches(const std::vector<PackedBatch>& batches, const Pass& pass, const char* stream,
                     std::int64_t step, StepResult& result);
  void mix_offline(const StepBatch& batch, std::int64_t step, StepResult& result);

  TrainableSet set_;
  StepOptions options_;
  dist::Gang& gang_;
  FlatBuffer buffer_;
  std::optional<FlatBuffer> value_buffer_;
  std::int64_t updates_ = 0;  // applied so far
  HeapKeeper heap_;
};

}  // namespace una::train
