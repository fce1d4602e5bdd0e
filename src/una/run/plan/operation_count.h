#pragma once

#include "una/data/pack.h"
#include "una/model/model_memory.h"
#include "una/setup/run_config.h"

namespace una::run {

// What is computed, counted over a number of steps or over one micro-batch.
struct Work {
  double tokens = 0;     // computed: a shared prompt counts once
  double logps = 0;      // wanted of them
  double pairs = 0;      // of a query and a key that it sees
  double kl_tokens = 0;  // of the mismatched rows (KTO)
  double micro_batches = 0;

  Work& operator+=(const Work& other);
  Work& operator*=(double factor);
};

Work work_of(const PackedBatch& batch);
// Counts all its micro-batches: those mixed in from files and the mismatched rows too.
Work work_of(const StepBatch& step);

// Operations (multiplications and additions) of a model's matrix products: 2 per token and weight that it meets, 4 per
// pair of a query and a key and number of a head. Element by element work is not counted. A value.
class OperationCount {
 public:
  // `full`: every matrix trains; else `memory.trained` numbers of adapters do. `checkpointing`: layers are computed a second
  // time in the backward.
  OperationCount(const ModelSpec& spec, const model::ModelMemory& memory, bool full, bool checkpointing);

  double forward(const Work& work) const;
  // Forward and backward. The backward repeats the forward's products for the inputs' gradients, and for the weights'
  // where they train.
  double training(const Work& work) const;
  // The forwards of policy and reference over the mismatched rows, which have no backward.
  double mismatched(const Work& work) const;

 private:
  double linears_, head_, adapters_, attention_;  // attention_: of a pair of tokens
  bool full_, checkpointing_;
};

// `memory`: of the policy of this run.
OperationCount operation_count(const setup::RunConfig& config, const ModelSpec& spec,
                               const model::ModelMemory& memory);

}  // namespace una::run
