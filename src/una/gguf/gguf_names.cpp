#include "una/gguf/gguf_names.h"

#include <string_view>
#include <utility>
#include <vector>

#include "una/base/error.h"
#include "una/base/format.h"

// llama.cpp's names: gguf-py/gguf/constants.py. A fused gate and up is its ffn_up, twice as high.
namespace una::gguf {
namespace {

using Pairs = std::vector<std::pair<std::string_view, std::string_view>>;

Pairs layer_parts(const GgufArchitecture& arch, const weights::PartNames& names) {
  return {{names.attention_norm, "attn_norm"},
          {names.attention_post_norm, "post_attention_norm"},
          {names.mlp_norm, arch.mlp_norm},
          {names.mlp_post_norm, "post_ffw_norm"},
          {names.qkv, "attn_qkv"},
          {names.q, "attn_q"},
          {names.k, "attn_k"},
          {names.v, "attn_v"},
          {names.o, "attn_output"},
          {names.conv_in, "shortconv.in_proj"},
          {names.conv_out, "shortconv.out_proj"},
          {names.conv, "shortconv.conv"},
          {names.delta_qkv, "attn_qkv"},
          {names.delta_z, "attn_gate"},
          {names.delta_b, "ssm_beta"},
          {names.delta_a, "ssm_alpha"},
          {names.delta_out, "ssm_out"},
          {names.delta_conv, "ssm_conv1d"},
          {names.delta_norm, "ssm_norm"},
          {names.delta_dt_bias, "ssm_dt"},
          {names.delta_a_log, "ssm_a"},
          {names.q_norm, "attn_q_norm"},
          {names.k_norm, "attn_k_norm"},
          {names.gate_up, "ffn_up"},
          {names.gate, "ffn_gate"},
          {names.up, "ffn_up"},
          {names.down, "ffn_down"},
          {names.router, "ffn_gate_inp"},
          {names.sinks, "attn_sinks"},
          {names.layer_input_gate, "inp_gate"},
          {names.layer_input_projection, "proj"},
          {names.layer_input_norm, "post_norm"},
          {names.layer_scalar, "layer_output_scale"}};
}

std::string_view found_in(const Pairs& pairs, std::string_view part) {
  for (const auto& [ours, theirs] : pairs) {
    if (!ours.empty() && ours == part) { return theirs; }
  }
  return {};
}

}  // namespace

std::string gguf_module_name(const GgufArchitecture& arch, const weights::PartNames& names,
                             const std::string& module) {
  const Pairs others = {{names.embedding, "token_embd"},
                        {names.final_norm, arch.final_norm},
                        {names.head, "output"},
                        {names.input_embedding, "per_layer_token_embd"},
                        {names.input_projection, "per_layer_model_proj"},
                        {names.input_projection_norm, "per_layer_proj_norm"}};
  if (const std::string_view name = found_in(others, module); !name.empty()) { return std::string(name); }
  const std::string prefix = names.layers + ".";
  const std::size_t dot = module.find('.', prefix.size());
  const bool in_layer = starts_with(module, prefix) && dot != std::string::npos;
  const std::string_view name =
      in_layer ? found_in(layer_parts(arch, names), std::string_view(module).substr(dot + 1))
               : std::string_view();
  if (name.empty()) { throw InternalError(cat("gguf_module_name: ", module, " has no name in GGUF")); }
  return cat("blk.", module.substr(prefix.size(), dot - prefix.size()), ".", name);
}

}  // namespace una::gguf
