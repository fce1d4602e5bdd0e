#include "una/gguf/gguf_model.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <string_view>

#include <ATen/core/Tensor.h>
#include <ATen/ops/add.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/neg.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/gguf/gguf_delta.h"
#include "una/gguf/gguf_names.h"
#include "una/gguf/gguf_numbers.h"
#include "una/gguf/gguf_rope.h"
#include "una/weights/family.h"
#include "una/weights/stored_form.h"

// Keys, transformed tensors and the order of rows follow llama.cpp's convert_hf_to_gguf.py (conversion/*.py) and its
// loader (src/llama-model.cpp, src/models/*.cpp).
namespace una::gguf {
namespace {

constexpr std::uint32_t kQuantisationVersion = 2;  // GGML_QNT_VERSION: the layout of blocks

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

// A tensor's module and its ending: "lm_head.weight" -> {"lm_head", ".weight"}. Sinks and scalars have none, and get one, as
// have gated delta rules' biases; A has none there either.
std::pair<std::string, std::string> parts_of(const weights::PartNames& names, const std::string& name) {
  for (const std::string& bare : {names.sinks, names.layer_scalar}) {
    if (name.ends_with("." + bare)) { return {name, ".weight"}; }
  }
  if (name.ends_with("." + names.delta_dt_bias)) { return {name, ".bias"}; }
  if (name.ends_with("." + names.delta_a_log)) { return {name, ""}; }
  const std::size_t dot = name.rfind('.');
  check(dot != std::string::npos, "gguf_model: a tensor without .weight or .bias");
  return {name.substr(0, dot), name.substr(dot)};
}

// Reorders the rows of each head from (half, pair) to (pair, half).
at::Tensor paired_rows(const at::Tensor& tensor, std::int64_t heads) {
  const std::int64_t half = tensor.size(0) / heads / 2;
  std::vector<std::int64_t> sizes = {heads, 2, half};
  for (std::int64_t i = 1; i < tensor.dim(); ++i) { sizes.push_back(tensor.size(i)); }
  return tensor.contiguous().view(sizes).transpose(1, 2);
}

// Reorders the rows of a fused projection from (head, part, dimension) to (part, head, dimension).
at::Tensor by_part(const at::Tensor& tensor, std::int64_t heads) {
  std::vector<std::int64_t> sizes = {heads, 3, tensor.size(0) / heads / 3};
  for (std::int64_t i = 1; i < tensor.dim(); ++i) { sizes.push_back(tensor.size(i)); }
  return tensor.contiguous().view(sizes).transpose(0, 1);
}

bool is_norm(std::string_view module) { return module.ends_with("norm"); }

void add_windows(const ModelSpec& spec, const std::string& arch, GgufMetadata& out) {
  std::int64_t window = 0;
  std::vector<bool> sliding;
  for (const std::int64_t each : spec.windows) {
    window = std::max(window, each);
    sliding.push_back(each > 0);
  }
  if (window == 0) { return; }
  out.emplace_back(arch + ".attention.sliding_window", u32(window));
  out.emplace_back(arch + ".attention.sliding_window_pattern", std::move(sliding));
}

// One number where all layers have the same, else one per layer.
template <class Of>
GgufValue by_layer(const ModelSpec& spec, Of&& of) {
  std::vector<std::int32_t> all;
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) {
    all.push_back(static_cast<std::int32_t>(of(layer)));
  }
  const bool same = std::all_of(all.begin(), all.end(), [&](std::int32_t each) { return each == all[0]; });
  if (same && spec.mixers.empty()) { return u32(all[0]); }
  return all;
}

// llama.cpp takes a layer without key-value heads for a convolution.
GgufValue kv_heads(const ModelSpec& spec) {
  if (spec.delta_rule.num_key_heads > 0) { return u32(spec.num_kv_heads); }
  return by_layer(spec, [&](std::int64_t layer) {
    return spec.mixer(layer) == Mixer::kAttention ? spec.layer_kv_heads(layer) : 0;
  });
}

GgufValue inner_sizes(const ModelSpec& spec) {
  if (!spec.gemma4.wide_shared_mlp) { return u32(spec.intermediate_size); }
  return by_layer(spec, [&](std::int64_t layer) { return spec.layer_inner_size(layer); });
}

GgufMetadata hyper_parameters(const GgufArchitecture& architecture, const ModelSpec& spec, GgmlType type,
                              const std::string& name) {
  const std::string arch(architecture.name);
  const bool layer_norm = spec.norm_style == NormStyle::kLayerNorm;
  const std::int64_t head_size =
      spec.layer_head_dim(spec.num_layers - 1);  // of full layers, where some slide
  GgufMetadata out = gguf_general(architecture, type, name, "model");
  const GgufMetadata own = {
      {arch + ".block_count", u32(spec.num_layers)},
      {arch + ".context_length", u32(spec.max_positions)},
      {arch + ".embedding_length", u32(spec.hidden_size)},
      {arch + ".feed_forward_length", inner_sizes(spec)},
      {arch + ".attention.head_count", u32(spec.num_heads)},
      {arch + ".attention.head_count_kv", kv_heads(spec)},
      {arch + ".attention.key_length", u32(head_size)},
      {arch + ".attention.value_length", u32(head_size)},
      {arch + (layer_norm ? ".attention.layer_norm_epsilon" : ".attention.layer_norm_rms_epsilon"),
       f32(spec.norm_eps)},
      {arch + ".vocab_size", u32(spec.vocab_size)}};
  out.insert(out.end(), own.begin(), own.end());
  if (spec.moe.num_experts > 0) {
    out.emplace_back(arch + ".expert_count", u32(spec.moe.num_experts));
    out.emplace_back(arch + ".expert_used_count", u32(spec.moe.experts_per_token));
    out.emplace_back(arch + ".expert_feed_forward_length", u32(spec.moe.expert_size));
  }
  add_gguf_rope(architecture, spec, out);
  if (architecture.windows) { add_windows(spec, arch, out); }
  if (architecture.add_keys != nullptr) { architecture.add_keys(spec, arch, out); }
  return out;
}

// Adds the experts of each layer, one tensor for each of their three matrices ([experts, rows, columns], whatever the form
// of the files) and their biases, and returns the other tensors.
weights::NamedTensors take_experts(const ModelSpec& spec, const weights::PartNames& names,
                                   const weights::NamedTensors& tensors, GgmlType type, GgufModel& out) {
  if (spec.moe.num_experts == 0 && names.stored_head.empty()) { return tensors; }
  weights::StateDict files;
  for (const auto& [ours, tensor] : tensors) { files.add(ours, tensor); }
  const weights::StateDict single = weights::as_parameters(spec, names, files, "gguf_model");
  std::set<std::string> taken;
  const std::vector<std::pair<std::string, std::string>> parts = {
      {names.expert_gate, "gate"}, {names.expert_up, "up"}, {names.expert_down, "down"}};
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) {
    if (!spec.is_sparse(layer)) { continue; }
    const auto add = [&](const std::string& ours, const std::string& theirs, const char* ending,
                         GgmlType as) {
      std::vector<at::Tensor> each;
      for (std::int64_t expert = 0; expert < spec.moe.num_experts; ++expert) {
        each.push_back(single.at(*taken.insert(cat(names.expert_prefix(layer, expert), ours, ending)).first));
      }
      std::vector<std::int64_t> shape = each[0].sizes().vec();
      shape.insert(shape.begin(), spec.moe.num_experts);
      add_gguf_tensor(out, cat("blk.", layer, ".ffn_", theirs, "_exps", ending), each[0], shape, as);
      out.tensors.back().rest.assign(each.begin() + 1, each.end());
    };
    for (const auto& [ours, theirs] : parts) {
      add(ours, theirs, ".weight", type);
      if (spec.moe.expert_bias) { add(ours, theirs, ".bias", GgmlType::kF32); }
    }
  }
  weights::NamedTensors others;
  for (const auto& [ours, tensor] : single.all()) {
    if (!taken.contains(ours)) { others.emplace_back(ours, tensor); }
  }
  return others;
}

std::string window_loss(const ModelSpec& spec) {
  std::int64_t window = 0;
  for (const std::int64_t each : spec.windows) {
    if (each > 0) { window = window == 0 ? each : std::min(window, each); }
  }
  if (window == 0 || window >= spec.max_positions) { return ""; }
  return cat("llama.cpp has no sliding window for ", spec.model_type, ": it computes sequences beyond ",
             window, " tokens otherwise than this model was trained; keep its context size (-c) at ", window);
}

}  // namespace

void check_gguf_spec(const ModelSpec& spec, const std::string& what) { gguf_architecture(spec, what); }

std::vector<std::string> gguf_losses(const ModelSpec& spec) {
  std::vector<std::string> out;
  const GgufArchitecture& arch = gguf_architecture(spec, "gguf_losses");
  if (!arch.windows) { out.push_back(window_loss(spec)); }
  if (arch.any_gelu && spec.activation == "gelu") {
    out.push_back(cat("llama.cpp computes the gelu of ", spec.model_type,
                      " by its tanh form: an activation differs by up to 5e-4 from this model's"));
  }
  if (spec.rope.type == "yarn" && !spec.rope.truncate) {
    out.push_back(
        cat("llama.cpp rounds the range in which yarn's rope of ", spec.model_type,
            " changes to whole dimensions, which this model does not (truncate false): angles differ "
            "somewhat, as in every such file"));
  }
  if (spec.rope.type == "longrope" && spec.max_positions > spec.rope.original_max_positions) {
    out.push_back(cat("llama.cpp takes the long rope factors of ", spec.model_type,
                      " where its context size (-c) exceeds ", spec.rope.original_max_positions,
                      " tokens, whatever a sequence's own length; for shorter sequences keep it at that"));
  }
  std::erase(out, "");
  return out;
}

GgufMetadata gguf_general(const GgufArchitecture& arch, GgmlType type, const std::string& name,
                          const std::string& kind) {
  return {{"general.architecture", std::string(arch.name)},
          {"general.type", kind},
          {"general.name", name},
          {"general.file_type", file_type(type)},
          {"general.quantization_version", kQuantisationVersion}};
}

void add_gguf_tensor(GgufModel& out, const std::string& name, const at::Tensor& data,
                     std::vector<std::int64_t> shape, GgmlType type) {
  GgufTensor each{name, std::move(shape), GgmlType::kF32, data};
  if (each.shape.size() > 1) { each.type = fits_blocks(each.shape, type) ? type : GgmlType::kF16; }
  if (each.shape.size() > 1 && each.type != type) { out.as_f16.push_back(each.name); }
  out.tensors.push_back(std::move(each));
}

at::Tensor gguf_rows(const ModelSpec& spec, const std::string& module, const at::Tensor& tensor) {
  const GgufArchitecture& arch = gguf_architecture(spec, module);
  const weights::PartNames& names = weights::find_family(spec).names;
  if (spec.delta_rule.num_key_heads > 0) { return gguf_delta_rows(spec, names, module, tensor); }
  if (spec.qkv_by_head && module.ends_with("." + names.qkv)) { return by_part(tensor, spec.num_heads); }
  if (!arch.neighbours || spec.rope.interleaved) { return tensor; }
  if (module.ends_with("." + names.q)) { return paired_rows(tensor, spec.num_heads); }
  if (module.ends_with("." + names.k)) { return paired_rows(tensor, spec.num_kv_heads); }
  return tensor;
}

GgufModel gguf_model(const ModelSpec& spec, const std::vector<std::pair<std::string, at::Tensor>>& tensors,
                     GgmlType type, const std::string& name) {
  const GgufArchitecture& arch = gguf_architecture(spec, name);
  const weights::PartNames& names = weights::find_family(spec).names;
  GgufModel out;
  out.metadata = hyper_parameters(arch, spec, type, name);
  for (const auto& [ours, tensor] : take_experts(spec, names, tensors, type, out)) {
    const auto [module, ending] = parts_of(names, ours);
    const std::string theirs = gguf_module_name(arch, names, module);
    const bool shifted = arch.norm_plus_one && is_norm(module) && !module.ends_with("." + names.delta_norm);
    const bool is_router = module.ends_with("." + names.router);
    if (tensor.dim() == 3) {  // a convolution [C, 1, K]; ggml's loop reads F32 only
      add_gguf_tensor(out, theirs + ending, gguf_rows(spec, module, tensor), {tensor.size(0), tensor.size(2)},
                      GgmlType::kF32);
      continue;
    }
    if (module.ends_with("." + names.delta_a_log)) {
      const at::Tensor rows = gguf_rows(spec, module, tensor.to(at::kFloat));
      add_gguf_tensor(out, theirs, at::neg(at::exp(rows)), tensor.sizes().vec(), GgmlType::kF32);
      continue;
    }
    const at::Tensor columns = gguf_delta_columns(spec, names, module, tensor);
    add_gguf_tensor(out, theirs + ending, shifted ? at::add(tensor, 1) : gguf_rows(spec, module, columns),
                    tensor.sizes().vec(), is_router ? GgmlType::kF32 : type);
    if (spec.tie_word_embeddings && arch.head == GgufHead::kWritten && module == names.embedding) {
      add_gguf_tensor(out, "output" + ending, tensor, tensor.sizes().vec(), type);
    }
  }
  for (GgufTensor& each : gguf_rope_tensors(arch, spec)) { out.tensors.push_back(std::move(each)); }
  return out;
}

}  // namespace una::gguf
