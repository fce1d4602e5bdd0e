#include "una/weights/gguf/gguf_model.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numbers>
#include <string_view>

#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>

#include "una/base/error.h"
#include "una/base/format.h"

// Names, keys and the order of rows follow llama.cpp's convert_hf_to_gguf.py (LlamaModel, Qwen2Model) and its
// loader (src/llama-model.cpp, src/models/llama.cpp, src/models/qwen2.cpp).
namespace una::weights {
namespace {

constexpr std::uint32_t kQuantisationVersion = 2;  // GGML_QNT_VERSION: the layout of blocks
constexpr double kYarnBetaFast = 32, kYarnBetaSlow = 1;

std::uint32_t u32(std::int64_t number) { return static_cast<std::uint32_t>(number); }
float f32(double number) { return static_cast<float>(number); }

// llama_ftype: llama.cpp's number for a file whose matrices have this type.
std::uint32_t file_type(GgmlType type) {
  switch (type) {
    case GgmlType::kF32:
      return 0;
    case GgmlType::kF16:
      return 1;
    case GgmlType::kQ8_0:
      return 7;
    case GgmlType::kBF16:
      return 32;
  }
  throw InternalError("file_type: an unknown type");
}

bool is_qwen(const ModelSpec& spec) { return spec.model_type == "qwen2"; }
std::string architecture(const ModelSpec& spec) { return is_qwen(spec) ? "qwen2" : "llama"; }

// One part of a tensor's name, in Hugging Face's and in llama.cpp's form.
struct NamePart {
  std::string_view ours, theirs;
};
constexpr NamePart kLayerParts[] = {
    {"input_layernorm", "attn_norm"}, {"post_attention_layernorm", "ffn_norm"},
    {"self_attn.q_proj", "attn_q"},   {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"},   {"self_attn.o_proj", "attn_output"},
    {"mlp.gate_proj", "ffn_gate"},    {"mlp.up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"},
};
constexpr NamePart kOtherParts[] = {
    {"model.embed_tokens", "token_embd"}, {"model.norm", "output_norm"}, {"lm_head", "output"}};

// "model.layers.3.self_attn.q_proj.bias" -> "blk.3.attn_q.bias".
std::string gguf_tensor_name(const std::string& name) {
  constexpr std::string_view kLayers = "model.layers.";
  const std::size_t dot = name.rfind('.');
  check(dot != std::string::npos, "gguf_model: a tensor without .weight or .bias");
  const std::string_view ending = std::string_view(name).substr(dot);
  std::string_view part = std::string_view(name).substr(0, dot);
  for (const NamePart& each : kOtherParts) {
    if (part == each.ours) { return cat(each.theirs, ending); }
  }
  check(starts_with(part, kLayers), "gguf_model: a tensor of no known name");
  part.remove_prefix(kLayers.size());
  const std::size_t end = part.find('.');
  check(end != std::string_view::npos, "gguf_model: a tensor of no known name");
  for (const NamePart& each : kLayerParts) {
    if (part.substr(end + 1) == each.ours) {
      return cat("blk.", part.substr(0, end), ".", each.theirs, ending);
    }
  }
  throw InternalError(cat("gguf_model: the tensor ", name, " has no name in GGUF"));
}

// Reorders the rows of each head from (half, pair) to (pair, half).
at::Tensor paired_rows(const at::Tensor& tensor, std::int64_t heads) {
  const std::int64_t half = tensor.size(0) / heads / 2;
  std::vector<std::int64_t> sizes = {heads, 2, half};
  for (std::int64_t i = 1; i < tensor.dim(); ++i) { sizes.push_back(tensor.size(i)); }
  return tensor.contiguous().view(sizes).transpose(1, 2);
}

at::Tensor in_llama_order(const ModelSpec& spec, const std::string& name, const at::Tensor& tensor) {
  if (is_qwen(spec)) { return tensor; }
  if (name.find(".self_attn.q_proj.") != std::string::npos) { return paired_rows(tensor, spec.num_heads); }
  if (name.find(".self_attn.k_proj.") != std::string::npos) { return paired_rows(tensor, spec.num_kv_heads); }
  return tensor;
}

// The factor by which rope scaling stretches each pair's wavelength; llama.cpp divides the angle by it.
at::Tensor llama3_factors(const ModelSpec& spec) {
  const RopeSpec& rope = spec.rope;
  const auto length = static_cast<double>(rope.original_max_positions);
  std::vector<float> factors;
  for (std::int64_t i = 0; i < spec.head_dim; i += 2) {
    const double power = static_cast<double>(i) / static_cast<double>(spec.head_dim);
    const double turns = length / (2 * std::numbers::pi * std::pow(rope.theta, power));
    const double smooth = (turns - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor);
    const double share = std::clamp(smooth, 0.0, 1.0);
    factors.push_back(f32(1 / ((1 - share) / rope.factor + share)));
  }
  return at::tensor(factors, at::kFloat);
}

double yarn_scale(double factor, double scale = 1) {
  return factor <= 1 ? 1 : 0.1 * scale * std::log(factor) + 1;
}

// transformers' factor of cos and sin, divided by the one that llama.cpp applies itself.
double yarn_attention(const RopeSpec& rope) {
  double wanted = yarn_scale(rope.factor);
  if (rope.attention_factor > 0) {
    wanted = rope.attention_factor;
  } else if (rope.mscale != 0 && rope.mscale_all_dim != 0) {
    wanted = yarn_scale(rope.factor, rope.mscale) / yarn_scale(rope.factor, rope.mscale_all_dim);
  }
  return wanted / yarn_scale(rope.factor);
}

void add_rope(const ModelSpec& spec, const std::string& arch, GgufMetadata& out) {
  const RopeSpec& rope = spec.rope;
  out.emplace_back(arch + ".rope.dimension_count", u32(spec.head_dim));
  out.emplace_back(arch + ".rope.freq_base", f32(rope.theta));
  if (rope.type != "linear" && rope.type != "yarn") { return; }
  out.emplace_back(arch + ".rope.scaling.type", rope.type);
  out.emplace_back(arch + ".rope.scaling.factor", f32(rope.factor));
  if (rope.type == "linear") { return; }
  out.emplace_back(arch + ".rope.scaling.original_context_length", u32(rope.original_max_positions));
  const double attention = yarn_attention(rope);
  if (attention != 1) { out.emplace_back(arch + ".rope.scaling.attn_factor", f32(attention)); }
}

GgufMetadata hyper_parameters(const ModelSpec& spec, GgmlType type, const std::string& name) {
  const std::string arch = architecture(spec);
  GgufMetadata out = {{"general.architecture", arch},
                      {"general.type", std::string("model")},
                      {"general.name", name},
                      {"general.file_type", file_type(type)},
                      {"general.quantization_version", kQuantisationVersion},
                      {arch + ".block_count", u32(spec.num_layers)},
                      {arch + ".context_length", u32(spec.max_positions)},
                      {arch + ".embedding_length", u32(spec.hidden_size)},
                      {arch + ".feed_forward_length", u32(spec.intermediate_size)},
                      {arch + ".attention.head_count", u32(spec.num_heads)},
                      {arch + ".attention.head_count_kv", u32(spec.num_kv_heads)},
                      {arch + ".attention.key_length", u32(spec.head_dim)},
                      {arch + ".attention.value_length", u32(spec.head_dim)},
                      {arch + ".attention.layer_norm_rms_epsilon", f32(spec.norm_eps)},
                      {arch + ".vocab_size", u32(spec.vocab_size)}};
  add_rope(spec, arch, out);
  return out;
}

void check_rope(const ModelSpec& spec, const std::string& what) {
  const RopeSpec& rope = spec.rope;
  const bool has_factors = !is_qwen(spec);  // llama.cpp's graph of qwen2 ignores rope_freqs.weight
  const bool known = rope.type == "default" || rope.type == "linear" || rope.type == "yarn" ||
                     (rope.type == "llama3" && has_factors);
  check_input(known, what, ": llama.cpp has no rope of type ", rope.type, " for ", spec.model_type,
              " (it has default, linear, yarn", has_factors ? ", llama3" : "", ")");
  check_input(rope.partial_rotary_factor == 1, what, ": llama.cpp turns whole heads of ", spec.model_type,
              "; a partial_rotary_factor cannot be exported");
  check_input(rope.type != "yarn" || (rope.beta_fast == kYarnBetaFast && rope.beta_slow == kYarnBetaSlow &&
                                      rope.truncate && rope.factor >= 1),
              what,
              ": llama.cpp reads yarn's factor only (with beta_fast 32, beta_slow 1, truncate true, "
              "factor 1 or more); this model's cannot be exported");
}

}  // namespace

void check_gguf_spec(const ModelSpec& spec, const std::string& what) {
  const std::vector<std::string> known = {"llama", "mistral", "qwen2"};
  check_input(std::find(known.begin(), known.end(), spec.model_type) != known.end(), what,
              ": GGUF export knows models of the families ", join(known, ", "), ", not ", spec.model_type);
  check_input(!spec.is_reward_model(), what,
              ": a reward model has no language-model head; GGUF export "
              "takes models that write text");
  check_input(spec.activation == "silu", what, ": llama.cpp computes ", spec.model_type,
              " with silu, not with ", spec.activation);
  check_input(!is_qwen(spec) || spec.num_heads * spec.head_dim == spec.hidden_size, what,
              ": llama.cpp takes a qwen2 whose heads make up the hidden size only (", spec.num_heads,
              " heads of ", spec.head_dim, " do not make ", spec.hidden_size, ")");
  check_input(spec.head_dim % 2 == 0, what, ": an odd head_dim, ", spec.head_dim, ", has no rope");
  check_rope(spec, what);
}

std::vector<std::string> gguf_losses(const ModelSpec& spec) {
  std::int64_t window = 0;
  for (const std::int64_t each : spec.windows) {
    if (each > 0) { window = window == 0 ? each : std::min(window, each); }
  }
  if (window == 0 || window >= spec.max_positions) { return {}; }
  return {cat("llama.cpp has no sliding window for ", spec.model_type, ": it computes sequences beyond ",
              window, " tokens otherwise than this model was trained; keep its context size (-c) at ",
              window)};
}

GgufModel gguf_model(const ModelSpec& spec, const std::vector<std::pair<std::string, at::Tensor>>& tensors,
                     GgmlType type, const std::string& name) {
  check_gguf_spec(spec, name);
  GgufModel out;
  out.metadata = hyper_parameters(spec, type, name);
  for (const auto& [ours, tensor] : tensors) {
    GgufTensor each;
    each.name = gguf_tensor_name(ours);
    each.shape = tensor.sizes().vec();
    each.data = in_llama_order(spec, ours, tensor);
    if (tensor.dim() > 1) { each.type = fits_blocks(each.shape, type) ? type : GgmlType::kF16; }
    if (tensor.dim() > 1 && each.type != type) { out.as_f16.push_back(each.name); }
    out.tensors.push_back(std::move(each));
  }
  if (spec.rope.type == "llama3") {
    const at::Tensor factors = llama3_factors(spec);
    out.tensors.push_back({"rope_freqs.weight", factors.sizes().vec(), GgmlType::kF32, factors});
  }
  return out;
}

}  // namespace una::weights
