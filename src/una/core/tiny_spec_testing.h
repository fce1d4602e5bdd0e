#pragma once

#include <cstdint>

#include "una/core/model_spec.h"

// For tests only.
namespace una {

// The sizes of a model that runs in milliseconds. The defaults have a head_dim that is not hidden / heads.
struct TinySize {
  std::int64_t hidden = 16, intermediate = 24, layers = 2;
  std::int64_t heads = 4, kv_heads = 2, head_dim = 6;
  std::int64_t vocabulary = 40, positions = 64;
  double initializer_range = 0.3;
};

// A Llama of that size, all of whose layers see every earlier token.
inline ModelSpec tiny_spec(const TinySize& size = {}) {
  ModelSpec spec;
  spec.model_type = "llama";
  spec.architecture = "LlamaForCausalLM";
  spec.hidden_size = size.hidden;
  spec.intermediate_size = size.intermediate;
  spec.num_layers = size.layers;
  spec.num_heads = size.heads;
  spec.num_kv_heads = size.kv_heads;
  spec.head_dim = size.head_dim;
  spec.vocab_size = size.vocabulary;
  spec.max_positions = size.positions;
  spec.initializer_range = size.initializer_range;
  spec.windows.assign(static_cast<std::size_t>(size.layers), 0);
  return spec;
}

}  // namespace una
