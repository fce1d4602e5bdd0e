#pragma once

#include <cstdint>
#include <optional>

#include <ATen/core/Tensor.h>

#include "una/core/lora_spec.h"
#include "una/core/model_spec.h"

namespace una::model {

struct MemoryRequest {
  at::ScalarType dtype = at::kFloat;  // compute dtype
  bool train_full = false;            // every parameter trains
  std::optional<LoraSpec> adapter;    // the one that trains
  bool gradient_checkpointing = false;
  bool scores = false;            // a reward head is read in the place of log-probs
  std::int64_t chunk_rows = 256;  // of the log-prob primitive (kernels::HeadParams)
};

// What a model takes, in bytes, said by its spec alone. The sums follow decoder.cpp and
// what the kernels' headers say they save; model_memory_test.cpp holds them against real passes.
struct ModelMemory {
  std::int64_t parameters = 0;  // numbers of the base
  std::int64_t linears = 0;     // those of the layers' matrices: each costs a token 2 operations
  std::int64_t head = 0;        // those of the output head
  std::int64_t trained = 0;     // what the optimiser changes
  double weights = 0;           // the base as arithmetic reads it; masters do not count
  double copies = 0;            // what trains, in the compute dtype, where that is not the master itself
  // A training pass over T tokens, N of them wanted.
  double kept_per_token = 0;     // from the forward to the backward
  double working_per_token = 0;  // of the layer where the backward is
  double per_logp = 0;           // [N, C] rows at the head
  double at_head = 0;            // logits of a chunk, and the gradient of a head that trains
  double gradients = 0;          // full training: of a layer's widest linears, on their way to their place
  double cache_per_token = 0;    // keys and values, when it generates

  double pass(double tokens, double logps) const;  // the most that one pass takes
};

// Nothing is read or allocated. InputError on an adapter that does not fit the model.
ModelMemory plan_memory(const ModelSpec& spec, const MemoryRequest& request);

}  // namespace una::model
