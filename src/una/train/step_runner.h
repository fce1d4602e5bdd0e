#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "una/base/os/heap.h"
#include "una/core/step_batch.h"
#include "una/dist/gang.h"
#include "una/model/experts/router_report.h"
#include "una/model/model.h"
#include "una/model/value_head.h"
#include "una/objective/objective.h"
#include "una/train/flat_buffer.h"
#include "una/train/rank_share.h"
#include "una/train/reference.h"

namespace una::train {

// What learns: which tensors (all trainable ones of the model), by which loss, against which reference. Everything it
// points to outlives it.
struct TrainableSet {
  model::Model* model = nullptr;
  model::AdapterId policy = model::kNoAdapter;
  // What gives each token a value (needs().token_values): an adapter of `critic_model`, or that model itself, read
  // through its reward head. nullptr: an adapter of `model`.
  model::AdapterId critic = model::kNoAdapter;
  model::Model* critic_model = nullptr;
  objective::Objective* objective = nullptr;
  Reference* reference = nullptr;     // nullptr where the objective needs none
  model::ValueHead* value = nullptr;  // likewise
  // The loss of StepBatch::offline, multiplied by `offline_weight`. It must keep no state between steps.
  objective::Objective* offline = nullptr;
  double offline_weight = 1;

  bool has_critic() const { return critic != model::kNoAdapter || critic_model != nullptr; }
  bool is_critics(const model::TrainableTensor& tensor) const;  // belongs to the critic, not to the policy
  void refresh() const;                                         // after the optimiser changed masters
};

// The critic's value before each loss token: [N]. `options.adapter` is ignored.
at::Tensor critic_values(const TrainableSet& set, const PackedBatch& batch, model::ForwardOptions options);

// The optimiser and what every forward pass does.
struct StepOptions {
  double max_grad_norm = 1;
  double adam_beta1 = 0.9, adam_beta2 = 0.999, adam_epsilon = 1e-8, weight_decay = 0;
  bool gradient_checkpointing = false;
  bool dropout = false;
  bool statistics = true;  // entropy, mean logit, greedy accuracy with every forward
  std::uint64_t seed = 42;
  bool split_moments = false;           // AdamW's moments over the ranks of the gang (FlatBuffer)
  double critic_rate = 1;               // the critic's learning rate as a multiple of the run's
  std::int64_t value_warmup_steps = 0;  // updates at the start that train only the critic
  // A mixture of experts: the load-balancing loss is added to the objective's, with this weight (none: the model's
  // own). It is that of each micro-batch, weighted by its share of the step's tokens.
  bool output_router_logits = false;  // config.json's key of that name counts too
  std::optional<double> router_aux_loss_coef;
};

// A step or an evaluation was left between two micro-batches, on all ranks: nothing has changed.
class StepStopped : public std::runtime_error {
 public:
  StepStopped() : std::runtime_error("the step was stopped") {}
};

// What one step did, over all ranks: the same on each of them.
struct StepResult : ShareFindings {
  double grad_norm = 0;  // before clipping
  bool applied = false;  // false: the optimiser was not called, because of `verdict` or `trouble`
  StepVerdict verdict = StepVerdict::kApply;  // the objective's
  std::string trouble;                        // what was not finite, in words
};

// Forward, loss, backward, clip, AdamW: one optimiser step over the micro-batches of a StepBatch. Losses are
// sums divided once by global counts, so any cut into micro-batches gives the same gradient. Every rank of the gang
// gets the whole step and computes its share of the micro-batches. Not thread-safe.
class StepRunner {
 public:
  StepRunner(TrainableSet set, StepOptions options, dist::Gang& gang);

  // `step` counts from 1 (AdamW's bias correction, dropout keys). Does not update when loss or gradient is not
  // finite. The value head has its own rate and is clipped by its own norm.
  StepResult step(const StepBatch& batch, std::int64_t step, double learning_rate,
                  double value_learning_rate = 0);
  // Loss and metrics without gradients; the metrics hold "loss".
  MetricSums evaluate(const StepBatch& batch);
  // Asked between micro-batches: true on any rank makes step() and evaluate() throw StepStopped on all of them. An empty
  // function: they go to their end.
  void stop_when(std::function<bool()> asked) { stop_asked_ = std::move(asked); }
  // Gradient of the batch's loss left in the flat buffer, no update: for tests and self-checks.
  StepResult gradients(const StepBatch& batch, std::int64_t step);

  FlatBuffer& buffer() { return buffer_; }
  FlatBuffer* value_buffer() { return value_buffer_ ? &*value_buffer_ : nullptr; }  // of the value head
  TrainableSet& set() { return set_; }
  dist::Gang& gang() { return gang_; }
  std::int64_t updates() const { return updates_; }
  void set_updates(std::int64_t updates) { updates_ = updates; }

 private:
  // How a micro-batch is computed: by which loss, with which factors on its sums, and whether backward too.
  struct Pass {
    objective::Objective* objective;
    std::vector<double> scales;
    bool train;
    double aux_per_token;  // the weight of the load-balancing loss of a micro-batch, divided by its tokens
  };
  Pass pass_of(objective::Objective& objective, const std::vector<PackedBatch>& batches, bool train,
               double weight = 1) const;
  at::Tensor reference_logps(const PackedBatch& batch);                                      // [N]
  at::Tensor token_values(const PackedBatch& batch, bool train, std::uint64_t dropout_key);  // [N]
  PolicyOutput forward(const PackedBatch& batch, const Pass& pass, std::uint64_t dropout_key,
                       model::RouterReport& routers);
  kernels::AdamWParams adam(double learning_rate, double grad_norm) const;
  std::vector<double> scales(const std::vector<PackedBatch>& batches,
                             const objective::Objective& objective) const;
  void together(const std::function<void()>& own_part);
  void stop_point() const;
  void begin_step(const StepBatch& batch);
  void micro_batch(const PackedBatch& batch, const Pass& pass, std::uint64_t dropout_key,
                   ShareFindings& found);
  ShareFindings own_share(const std::vector<PackedBatch>& batches, const Pass& pass, const char* stream,
                          std::int64_t step);
  ShareFindings all_shares(const std::vector<PackedBatch>& batches, const Pass& pass, const char* stream,
                           std::int64_t step);
  void mix_offline(const StepBatch& batch, std::int64_t step, StepResult& result);

  TrainableSet set_;
  StepOptions options_;
  double aux_weight_ = 0;  // of the load-balancing loss of a whole step
  dist::Gang& gang_;
  FlatBuffer buffer_;
  std::optional<FlatBuffer> value_buffer_;
  std::int64_t updates_ = 0;  // applied so far
  std::function<bool()> stop_asked_;
  HeapKeeper heap_;
};

}  // namespace una::train
