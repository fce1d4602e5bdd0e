#include "una/model/parameter_shapes.h"

namespace una::model {
namespace {

using Kind = ParameterShape::Kind;

void add_linear(std::vector<ParameterShape>& out, const std::string& module, std::int64_t rows,
                std::int64_t columns, bool bias) {
  out.push_back({module + ".weight", {rows, columns}, Kind::kMatrix});
  if (bias) { out.push_back({module + ".bias", {rows}, Kind::kBias}); }
}

void add_norm(std::vector<ParameterShape>& out, const std::string& prefix, const std::string& name,
              std::int64_t size, bool bias = false) {
  if (name.empty()) { return; }
  out.push_back({prefix + name + ".weight", {size}, Kind::kNorm});
  if (bias) { out.push_back({prefix + name + ".bias", {size}, Kind::kBias}); }
}

void add_mlp(std::vector<ParameterShape>& out, const ModelSpec& spec, const PartNames& names,
             std::int64_t layer) {
  const std::string prefix = names.layer_prefix(layer);
  const std::int64_t hidden = spec.hidden_size, inner = spec.layer_inner_size(layer);
  if (names.gate_up.empty()) {
    if (spec.gated_mlp) { add_linear(out, prefix + names.gate, inner, hidden, spec.mlp_bias); }
    add_linear(out, prefix + names.up, inner, hidden, spec.mlp_bias);
  } else {
    add_linear(out, prefix + names.gate_up, 2 * inner, hidden, spec.mlp_bias);
  }
  add_linear(out, prefix + names.down, hidden, inner, spec.mlp_bias);
}

void add_experts(std::vector<ParameterShape>& out, const ModelSpec& spec, const PartNames& names,
                 std::int64_t layer) {
  const std::int64_t hidden = spec.hidden_size, inner = spec.moe.expert_size;
  out.push_back(
      {names.layer_prefix(layer) + names.router + ".weight", {spec.moe.num_experts, hidden}, Kind::kRouter});
  if (spec.moe.router_bias) {
    out.push_back(
        {names.layer_prefix(layer) + names.router + ".bias", {spec.moe.num_experts}, Kind::kRouterBias});
  }
  for (std::int64_t expert = 0; expert < spec.moe.num_experts; ++expert) {
    const std::string prefix = names.expert_prefix(layer, expert);
    add_linear(out, prefix + names.expert_gate, inner, hidden, spec.moe.expert_bias);
    add_linear(out, prefix + names.expert_up, inner, hidden, spec.moe.expert_bias);
    add_linear(out, prefix + names.expert_down, hidden, inner, spec.moe.expert_bias);
  }
}

void add_convolution(std::vector<ParameterShape>& out, const ModelSpec& spec, const PartNames& names,
                     const std::string& prefix) {
  const std::int64_t hidden = spec.hidden_size;
  out.push_back({prefix + names.conv + ".weight", {hidden, 1, spec.conv_kernel}, Kind::kConvolution});
  if (spec.conv_bias) { out.push_back({prefix + names.conv + ".bias", {hidden}, Kind::kBias}); }
  add_linear(out, prefix + names.conv_in, 3 * hidden, hidden, spec.conv_bias);
  add_linear(out, prefix + names.conv_out, hidden, hidden, spec.conv_bias);
}

void add_delta_rule(std::vector<ParameterShape>& out, const ModelSpec& spec, const PartNames& names,
                    const std::string& prefix) {
  const std::int64_t hidden = spec.hidden_size, heads = spec.delta_rule.num_value_heads;
  const std::int64_t values = heads * spec.delta_rule.value_head_dim;
  const std::int64_t channels = 2 * spec.delta_rule.num_key_heads * spec.delta_rule.key_head_dim + values;
  out.push_back({prefix + names.delta_dt_bias, {heads}, Kind::kBias});
  out.push_back({prefix + names.delta_a_log, {heads}, Kind::kBias});
  out.push_back({prefix + names.delta_conv + ".weight", {channels, 1, spec.conv_kernel}, Kind::kConvolution});
  out.push_back({prefix + names.delta_norm + ".weight", {spec.delta_rule.value_head_dim}, Kind::kGatedNorm});
  add_linear(out, prefix + names.delta_out, hidden, values, false);
  add_linear(out, prefix + names.delta_qkv, channels, hidden, false);
  add_linear(out, prefix + names.delta_z, values, hidden, false);
  add_linear(out, prefix + names.delta_b, heads, hidden, false);
  add_linear(out, prefix + names.delta_a, heads, hidden, false);
}

void add_attention(std::vector<ParameterShape>& out, const ModelSpec& spec, const PartNames& names,
                   std::int64_t layer) {
  const std::string prefix = names.layer_prefix(layer);
  const std::int64_t hidden = spec.hidden_size, size = spec.layer_head_dim(layer);
  const std::int64_t q = spec.num_heads * size, kv = spec.layer_kv_heads(layer) * size;
  const bool own_keys = !spec.shares_kv(layer);
  if (names.qkv.empty()) {
    add_linear(out, prefix + names.q, spec.attention_gate ? 2 * q : q, hidden, spec.qkv_bias);
    if (own_keys) { add_linear(out, prefix + names.k, kv, hidden, spec.qkv_bias); }
    if (own_keys && spec.projects_values(layer)) {
      add_linear(out, prefix + names.v, kv, hidden, spec.qkv_bias);
    }
  } else {
    add_linear(out, prefix + names.qkv, q + 2 * kv, hidden, spec.qkv_bias);
  }
  add_linear(out, prefix + names.o, hidden, q, spec.o_bias);
  if (spec.attention_sinks) { out.push_back({prefix + names.sinks, {spec.num_heads}, Kind::kBias}); }
  if (spec.qk_norm != QkNorm::kNone) {
    const bool head = spec.qk_norm == QkNorm::kHead;
    add_norm(out, prefix, names.q_norm, head ? size : q);
    if (own_keys) { add_norm(out, prefix, names.k_norm, head ? size : kv); }
  }
}

// What gemma4's layers have besides.
void add_gemma4(std::vector<ParameterShape>& out, const ModelSpec& spec, const PartNames& names,
                const std::string& prefix) {
  if (spec.gemma4.layer_scalar) { out.push_back({prefix + names.layer_scalar, {1}, Kind::kBuffer}); }
  if (spec.gemma4.input_size == 0) { return; }
  add_linear(out, prefix + names.layer_input_gate, spec.gemma4.input_size, spec.hidden_size, false);
  add_linear(out, prefix + names.layer_input_projection, spec.hidden_size, spec.gemma4.input_size, false);
  add_norm(out, prefix, names.layer_input_norm, spec.hidden_size);
}

void add_layer(std::vector<ParameterShape>& out, const ModelSpec& spec, const PartNames& names,
               std::int64_t layer) {
  const std::string prefix = names.layer_prefix(layer);
  switch (spec.mixer(layer)) {
    case Mixer::kAttention:
      add_attention(out, spec, names, layer);
      break;
    case Mixer::kShortConvolution:
      add_convolution(out, spec, names, prefix);
      break;
    case Mixer::kGatedDeltaRule:
      add_delta_rule(out, spec, names, prefix);
      break;
  }
  if (spec.is_sparse(layer)) {
    add_experts(out, spec, names, layer);
  } else {
    add_mlp(out, spec, names, layer);
  }
  const std::string mlp_norm = shares_norm(spec) ? "" : names.mlp_norm;
  for (const std::string& norm :
       {names.attention_norm, names.attention_post_norm, mlp_norm, names.mlp_post_norm}) {
    add_norm(out, prefix, norm, spec.hidden_size, spec.norm_bias);
  }
  add_gemma4(out, spec, names, prefix);
}

}  // namespace

std::vector<std::string> mixer_inputs(const ModelSpec& spec, const PartNames& names, std::int64_t layer) {
  if (spec.mixer(layer) == Mixer::kShortConvolution) { return {names.conv_in}; }
  if (spec.mixer(layer) == Mixer::kGatedDeltaRule) {
    return {names.delta_qkv, names.delta_z, names.delta_b, names.delta_a};
  }
  if (spec.shares_kv(layer)) { return {names.q}; }
  if (!spec.projects_values(layer)) { return {names.q, names.k}; }
  return names.qkv_parts();
}

const std::string& mixer_output(const ModelSpec& spec, const PartNames& names, std::int64_t layer) {
  if (spec.mixer(layer) == Mixer::kGatedDeltaRule) { return names.delta_out; }
  return spec.mixer(layer) == Mixer::kShortConvolution ? names.conv_out : names.o;
}

std::vector<ParameterShape> parameter_shapes(const ModelSpec& spec, const PartNames& names) {
  std::vector<ParameterShape> out;
  out.push_back({names.embedding + ".weight", {spec.vocab_size, spec.hidden_size}, Kind::kMatrix});
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) { add_layer(out, spec, names, layer); }
  add_norm(out, "", names.final_norm, spec.hidden_size, spec.norm_bias);
  if (spec.gemma4.input_size > 0) {
    const std::int64_t all = spec.num_layers * spec.gemma4.input_size;
    out.push_back({names.input_embedding + ".weight", {spec.gemma4.input_vocab, all}, Kind::kMatrix});
    add_linear(out, names.input_projection, all, spec.hidden_size, false);
    add_norm(out, "", names.input_projection_norm, spec.gemma4.input_size);
  }
  if (spec.is_reward_model()) {
    out.push_back({names.score + ".weight", {spec.num_labels, spec.hidden_size}, Kind::kMatrix});
  } else if (!spec.tie_word_embeddings) {
    out.push_back({names.head + ".weight", {spec.vocab_size, spec.hidden_size}, Kind::kMatrix});
  }
  return out;
}

}  // namespace una::model
