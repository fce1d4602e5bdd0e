#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/core/model_spec.h"
#include "una/core/packed_batch.h"

namespace una::recipe {

// Seconds that the matrix products of training steps take when nothing else is done: each shape of a product of the batches
// is timed alone, on operands that stay in the caches, the best of some tries, and counted as often as it happens. LoRA of
// rank `rank` on every linear of the layers, a frozen head, no gradient checkpointing. Attention is not a product here.
// Mixtures of experts have no such bound: 0. On the CPU, by the calling thread and LibTorch's.
double product_bound(const ModelSpec& spec, at::ScalarType dtype, std::int64_t rank,
                     const std::vector<PackedBatch>& batches);

}  // namespace una::recipe
