#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "una/core/model_spec.h"

namespace una::model {

// Hugging Face's names of a decoder's parts. Modules are without ".weight" and ".bias"; those of a layer are
// relative to "<layers>.<number>.". An empty name is a part that the family does not have: the norms before
// and after attention and MLP, or the fused projections (which then stand for the single ones).
struct PartNames {
  std::string embedding = "model.embed_tokens", final_norm = "model.norm", head = "lm_head", score = "score";
  std::string layers = "model.layers";
  std::string attention_norm = "input_layernorm", attention_post_norm;
  std::string mlp_norm = "post_attention_layernorm", mlp_post_norm;
  std::string q = "self_attn.q_proj", k = "self_attn.k_proj", v = "self_attn.v_proj", o = "self_attn.o_proj";
  std::string q_norm = "self_attn.q_norm", k_norm = "self_attn.k_norm";  // where ModelSpec::qk_norm asks
  std::string gate = "mlp.gate_proj", up = "mlp.up_proj", down = "mlp.down_proj";
  std::string qkv, gate_up;  // one linear whose rows are q, k, v (gate, up)

  std::vector<std::string> qkv_parts() const;      // {qkv} or {q, k, v}
  std::vector<std::string> gate_up_parts() const;  // {gate_up} or {gate, up}
};

// What one model family adds to the one decoder: its names, what PEFT adapts by default, and what of a spec
// it cannot be.
struct Family {
  std::string model_type;
  PartNames names;
  std::vector<std::string> default_targets = {"q_proj", "v_proj"};
  void (*check)(const ModelSpec&) = nullptr;  // InputError on a spec this family's arithmetic does not cover
};

// The family of spec.model_type, the spec checked for it. InputError on an unknown type (with the known ones)
// or on values that do not fit together.
Family find_family(const ModelSpec& spec);

// InputError unless the spec's biases are none, or all of attention's.
void check_biases_whole(const ModelSpec& spec);
void check_no_biases(const ModelSpec& spec);

// One tensor a checkpoint must hold.
struct ParameterShape {
  enum class Kind : std::uint8_t { kMatrix, kNorm, kBias };
  std::string name;
  std::vector<std::int64_t> shape;
  Kind kind = Kind::kMatrix;
};

// All of them in Hugging Face's order: embedding, layers, final norm, head ("lm_head" unless tied, or
// "score").
std::vector<ParameterShape> parameter_shapes(const ModelSpec& spec, const PartNames& names);

std::string layer_prefix(const PartNames& names, std::int64_t layer);  // "model.layers.3."

}  // namespace una::model
