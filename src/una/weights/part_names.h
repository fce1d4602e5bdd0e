#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace una::weights {

// Hugging Face's names of a decoder's parts. Module names come without ".weight" and ".bias"; those of a
// layer are relative to "<layers>.<number>.". An empty name means that the family does not have the part: a
// norm before or after attention or MLP, the gate of the MLP, or a fused projection (a fused name replaces the single
// ones).
struct PartNames {
  std::string embedding = "model.embed_tokens", final_norm = "model.norm", head = "lm_head", score = "score";
  std::string layers = "model.layers";
  std::string attention_norm = "input_layernorm", attention_post_norm;
  std::string mlp_norm = "post_attention_layernorm", mlp_post_norm;
  std::string q = "self_attn.q_proj", k = "self_attn.k_proj", v = "self_attn.v_proj", o = "self_attn.o_proj";
  // Used where ModelSpec::qk_norm is set.
  std::string q_norm = "self_attn.q_norm", k_norm = "self_attn.k_norm";
  std::string gate = "mlp.gate_proj", up = "mlp.up_proj", down = "mlp.down_proj";
  std::string qkv, gate_up;  // one linear whose rows are q, k, v (gate, up)

  std::vector<std::string> qkv_parts() const;          // {qkv} or {q, k, v}
  std::vector<std::string> gate_up_parts() const;      // {gate_up}, {gate, up}, or {up} without a gate
  std::string layer_prefix(std::int64_t layer) const;  // "model.layers.3."
};

}  // namespace una::weights
