#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace una::weights {

// The tensors that hold all experts of a layer, and its router, relative to the layer.
struct FusedExperts {
  std::string gate_up;  // [E, 2 I, C], an expert's gate before its up
  std::string down;     // [E, C, I]
  std::string router;
  // gpt_oss: both transposed ([E, C, 2 I] and [E, I, C]), rows of gate and up that alternate, and biases.
  bool transposed = false, interleaved = false;
  std::string gate_up_bias, down_bias;  // [E, 2 I], [E, C]; "": none
};

// Hugging Face's names of a decoder's parts. Module names come without ".weight" and ".bias"; those of a
// layer are relative to "<layers>.<number>.". An empty name means that the family does not have the part: a
// norm before or after attention or MLP, the gate of the MLP, or a fused projection (a fused name replaces the single
// ones).
struct PartNames {
  std::string embedding = "model.embed_tokens", final_norm = "model.norm", head = "lm_head", score = "score";
  std::string stored_head;  // the head's name in files where that is another
  std::string ignored;      // what tensors of files begin with that are not of this model; "": none
  std::string layers = "model.layers";
  std::string attention_norm = "input_layernorm", attention_post_norm;
  std::string mlp_norm = "post_attention_layernorm", mlp_post_norm;
  std::string q = "self_attn.q_proj", k = "self_attn.k_proj", v = "self_attn.v_proj", o = "self_attn.o_proj";
  // Of layers that are short convolutions: the linears before and behind the convolution, and the convolution.
  std::string conv_in = "conv.in_proj", conv_out = "conv.out_proj", conv = "conv.conv";
  // Of layers with a gated delta rule: the linears that make q, k and v, the norm's gate, beta and the decay; the linear
  // behind, convolution and norm; and two tensors without ".weight".
  std::string delta_qkv = "linear_attn.in_proj_qkv", delta_z = "linear_attn.in_proj_z";
  std::string delta_b = "linear_attn.in_proj_b", delta_a = "linear_attn.in_proj_a";
  std::string delta_out = "linear_attn.out_proj", delta_conv = "linear_attn.conv1d";
  std::string delta_norm = "linear_attn.norm";
  std::string delta_dt_bias = "linear_attn.dt_bias", delta_a_log = "linear_attn.A_log";
  // Used where ModelSpec::qk_norm is set.
  std::string q_norm = "self_attn.q_norm", k_norm = "self_attn.k_norm";
  // Used where ModelSpec::gemma4 has them: a tensor of a layer without ".weight"; the second embedding, the projection of
  // the first one and its norm; what a layer makes of its part of them.
  std::string layer_scalar = "layer_scalar";
  std::string input_embedding = "model.embed_tokens_per_layer";
  std::string input_projection = "model.per_layer_model_projection";
  std::string input_projection_norm = "model.per_layer_projection_norm";
  std::string layer_input_gate = "per_layer_input_gate", layer_input_projection = "per_layer_projection";
  std::string layer_input_norm = "post_per_layer_input_norm";
  std::string sinks = "self_attn.sinks";  // a tensor without ".weight", used with ModelSpec::attention_sinks
  std::string gate = "mlp.gate_proj", up = "mlp.up_proj", down = "mlp.down_proj";
  std::string qkv, gate_up;  // one linear whose rows are q, k, v (gate, up)
  // Of sparse layers (ModelSpec::is_sparse): the router, the list of experts and the linears of one of them.
  std::string router = "mlp.gate", experts = "mlp.experts";
  std::string expert_gate = "gate_proj", expert_up = "up_proj", expert_down = "down_proj";
  // Other forms of checkpoints; the first is the one that transformers has in memory, and PEFT's names.
  std::vector<FusedExperts> fused_experts = {
      {"mlp.experts.gate_up_proj", "mlp.experts.down_proj", "mlp.gate.weight"}};
  // The form of the family's files: an index into fused_experts, -1: one matrix per expert.
  int stored_experts = -1;

  std::vector<std::string> qkv_parts() const;          // {qkv} or {q, k, v}
  std::vector<std::string> gate_up_parts() const;      // {gate_up}, {gate, up}, or {up} without a gate
  std::string layer_prefix(std::int64_t layer) const;  // "model.layers.3."
  std::string expert_prefix(std::int64_t layer,
                            std::int64_t expert) const;  // "model.layers.3.mlp.experts.5."
};

}  // namespace una::weights
