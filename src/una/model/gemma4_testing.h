#pragma once

#include "una/core/model_spec.h"
#include "una/core/tiny_spec_testing.h"

// For tests only.
namespace una::model {

// Every part of gemma4: full layers with other heads, and two layers that read the keys and values of the first two.
inline ModelSpec tiny_gemma4_spec() {
  ModelSpec spec = tiny_spec({.layers = 4});
  spec.model_type = "gemma4_text";
  spec.architecture = "Gemma4ForCausalLM";
  spec.activation = "gelu_pytorch_tanh";
  spec.tie_word_embeddings = true;
  spec.norm_style = NormStyle::kWide;
  spec.qk_norm = QkNorm::kHead;
  spec.attention_scale = 1;
  spec.logit_soft_cap = 4;
  spec.windows = {3, 0, 3, 0};
  spec.rope_layers = {1, 0, 1, 0};
  spec.rope.type = "proportional";
  spec.rope.partial_rotary_factor = 0.5;
  spec.gemma4 = {.full_head_dim = 8,
                 .full_kv_heads = 1,
                 .value_norm = true,
                 .layer_scalar = true,
                 .kv_shared_layers = 2,
                 .wide_shared_mlp = true,
                 .input_size = 4,
                 .input_vocab = 40};
  return spec;
}

}  // namespace una::model
