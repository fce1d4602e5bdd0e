#pragma once

#include <cstdint>
#include <optional>

#include <ATen/core/Tensor.h>

#include "una/core/lora_spec.h"
#include "una/core/model_spec.h"
#include "una/core/packed_matrix.h"

namespace una::model {

// The use of a model whose memory is wanted.
struct MemoryRequest {
  at::ScalarType dtype = at::kFloat;  // compute dtype
  bool train_full = false;            // every parameter trains, except routers
  bool train_router = false;          // with train_full: routers too
  Quantisation quantise = {};         // of the layers' matrices
  std::optional<LoraSpec> adapter;    // the one that trains
  bool gradient_checkpointing = false;
  bool scores = false;            // a reward head is read instead of log-probs
  std::int64_t chunk_rows = 256;  // of the log-prob primitive (kernels::HeadParams)
};

// The memory of a model in bytes, estimated from its spec alone. The sums follow decoder.cpp and the tensors
// that the kernels' headers document as saved; model_memory_test.cpp compares them with real passes.
struct ModelMemory {
  std::int64_t parameters = 0;  // numbers of the base
  // Numbers of the layers' matrices that a token meets, of the experts those of the chosen ones: each costs 2
  // operations per token.
  std::int64_t linears = 0;
  std::int64_t head = 0;     // numbers of the output head
  std::int64_t trained = 0;  // numbers that the optimiser changes
  double weights = 0;        // the base in the compute dtype or quantised, without masters
  double scratch = 0;        // where the largest quantised weights are expanded
  double copies = 0;  // trained tensors in the compute dtype, where they are not the masters themselves
  // A training pass over T tokens, N of them wanted.
  double kept_per_token = 0;     // stored from the forward to the backward
  double working_per_token = 0;  // in the layer that the backward is at
  double per_logp = 0;           // [N, C] rows at the head
  double at_head = 0;            // logits of a chunk, and the gradient of a head that trains
  double gradients = 0;          // full training: of a layer's widest linears, before they are accumulated
  double expert_gradients =
      0;  // the same of a layer's experts, which are there together with the working numbers
  double cache_per_token = 0;     // keys and values, or what convolutions read of it, when it generates
  double state_per_sequence = 0;  // of gated delta rules, when it generates

  double pass(double tokens, double logps) const;  // the peak of one pass
};

// Reads and allocates nothing. InputError for an adapter that does not fit the model.
ModelMemory plan_memory(const ModelSpec& spec, const MemoryRequest& request);

}  // namespace una::model
