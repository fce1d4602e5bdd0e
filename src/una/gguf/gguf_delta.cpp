#include "una/gguf/gguf_delta.h"

#include <cstdint>
#include <vector>

#include <ATen/ops/cat.h>

#include "una/base/error.h"
#include "una/gguf/gguf_numbers.h"

namespace una::gguf {
namespace {

// [key heads, group, size] -> [group, key heads, size] of the first dimension.
at::Tensor tiled(const at::Tensor& tensor, const DeltaRuleSpec& rule, std::int64_t size) {
  const std::int64_t group = rule.num_value_heads / rule.num_key_heads;
  std::vector<std::int64_t> sizes = {rule.num_key_heads, group, size};
  for (std::int64_t i = 1; i < tensor.dim(); ++i) { sizes.push_back(tensor.size(i)); }
  return tensor.contiguous().view(sizes).transpose(0, 1).reshape(tensor.sizes());
}

bool is(std::string_view module, const std::string& part) { return module.ends_with("." + part); }

// The distance between layers with attention: layers interval, 2 interval, ... have it.
std::int64_t interval_of(const ModelSpec& spec) {
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) {
    if (spec.mixer(layer) == Mixer::kAttention) { return layer + 1; }
  }
  return spec.num_layers + 1;
}

}  // namespace

at::Tensor gguf_delta_rows(const ModelSpec& spec, const weights::PartNames& names, std::string_view module,
                           const at::Tensor& tensor) {
  const DeltaRuleSpec& rule = spec.delta_rule;
  if (rule.num_key_heads == rule.num_value_heads) { return tensor; }
  if (is(module, names.delta_qkv) || is(module, names.delta_conv)) {
    const std::int64_t keys = 2 * rule.num_key_heads * rule.key_head_dim;
    const std::int64_t values = rule.num_value_heads * rule.value_head_dim;
    return at::cat(
        {tensor.narrow(0, 0, keys), tiled(tensor.narrow(0, keys, values), rule, rule.value_head_dim)});
  }
  if (is(module, names.delta_z)) { return tiled(tensor, rule, rule.value_head_dim); }
  for (const std::string* part : {&names.delta_b, &names.delta_a, &names.delta_a_log, &names.delta_dt_bias}) {
    if (is(module, *part)) { return tiled(tensor, rule, 1); }
  }
  return tensor;
}

at::Tensor gguf_delta_columns(const ModelSpec& spec, const weights::PartNames& names, std::string_view module,
                              const at::Tensor& tensor) {
  const DeltaRuleSpec& rule = spec.delta_rule;
  if (rule.num_key_heads == rule.num_value_heads || !is(module, names.delta_out)) { return tensor; }
  return tiled(tensor.t(), rule, rule.value_head_dim).t().contiguous();
}

void add_gguf_delta_keys(const ModelSpec& spec, const std::string& name, GgufMetadata& out) {
  const DeltaRuleSpec& rule = spec.delta_rule;
  out.emplace_back(name + ".ssm.conv_kernel", u32(spec.conv_kernel));
  out.emplace_back(name + ".ssm.state_size", u32(rule.key_head_dim));
  out.emplace_back(name + ".ssm.group_count", u32(rule.num_key_heads));
  out.emplace_back(name + ".ssm.time_step_rank", u32(rule.num_value_heads));
  out.emplace_back(name + ".ssm.inner_size", u32(rule.num_value_heads * rule.value_head_dim));
  out.emplace_back(name + ".full_attention_interval", u32(interval_of(spec)));
  // Which frequencies turn by time, height and width: one position for text, so that any cover of them is right.
  out.emplace_back(name + ".rope.dimension_sections", std::vector<std::int32_t>{11, 11, 10, 0});
}

void check_gguf_delta(const ModelSpec& spec, const std::string& what) {
  const DeltaRuleSpec& rule = spec.delta_rule;
  check_input(rule.key_head_dim == rule.value_head_dim, what,
              ": llama.cpp's gated delta rules have keys and values of one size; linear_key_head_dim is ",
              rule.key_head_dim, " and linear_value_head_dim ", rule.value_head_dim);
  check_input(spec.conv_kernel > 1, what,
              ": llama.cpp's convolutions see two tokens or more; linear_conv_kernel_dim is ",
              spec.conv_kernel);
  check_input(!spec.qkv_bias, what, ": llama.cpp's qwen35 has no biases in attention; this model has");
  check_input(spec.rope.type == "default", what,
              ": llama.cpp's qwen35 turns by plain rope_theta; this model's rope is of type ",
              spec.rope.type);
  const std::int64_t interval = interval_of(spec);
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) {
    const bool attention = spec.mixer(layer) == Mixer::kAttention;
    check_input(
        attention == ((layer + 1) % interval == 0), what,
        ": llama.cpp's qwen35 has attention in every n-th layer; layer_types of this model are others");
  }
}

}  // namespace una::gguf
