#include "una/model/model_memory.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <string>

#include <ATen/ops/empty.h>

#include "una/kernels/packed/quantise.h"
#include "una/model/lora.h"
#include "una/model/parameter.h"
#include "una/model/parameter_shapes.h"
#include "una/weights/family.h"

namespace una::model {
namespace {

double bytes_of(at::ScalarType dtype) { return static_cast<double>(c10::elementSize(dtype)); }

double as_double(std::int64_t value) { return static_cast<double>(value); }

// The numbers that one token stores for the backward in one layer.
struct LayerKept {
  double compute = 0;  // in the compute dtype
  double wide = 0;     // in the type that it is computed in: fp32 or fp64
};

// The inner sizes of a token's experts together.
double chosen_inner(const ModelSpec& spec) {
  return as_double(spec.moe.experts_per_token * spec.moe.expert_size);
}

std::int64_t sparse_layers(const ModelSpec& spec) {
  std::int64_t count = 0;
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) { count += spec.is_sparse(layer) ? 1 : 0; }
  return count;
}

std::int64_t layers_with(const ModelSpec& spec, Mixer mixer) {
  std::int64_t count = 0;
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) {
    count += spec.mixer(layer) == mixer ? 1 : 0;
  }
  return count;
}

std::int64_t values_of_delta_rule(const ModelSpec& spec) {
  return spec.delta_rule.num_value_heads * spec.delta_rule.value_head_dim;
}

// The channels of the convolution in front of a gated delta rule.
std::int64_t delta_channels(const ModelSpec& spec) {
  return 2 * spec.delta_rule.num_key_heads * spec.delta_rule.key_head_dim + values_of_delta_rule(spec);
}

std::int64_t delta_rows(const ModelSpec& spec) {
  return delta_channels(spec) + values_of_delta_rule(spec) + 2 * spec.delta_rule.num_value_heads;
}

// The convolution's input and result, z, the rule's result, what the gated norm gives, and the gates on their way.
LayerKept kept_of_delta_rule(const ModelSpec& spec) {
  const double heads = as_double(spec.delta_rule.num_value_heads);
  return {
      .compute = 2 * as_double(delta_channels(spec)) + 3 * as_double(values_of_delta_rule(spec)) + 2 * heads,
      .wide = 4 * heads};
}

// The rows of the linears that make a layer's queries, and its keys and values.
struct MixerRows {
  double q = 0, kv = 0;  // kv: of the keys alone; 0: they are another layer's
  double linears = 0;    // of all linears together
};

MixerRows mixer_rows(const ModelSpec& spec, std::int64_t layer) {
  if (spec.mixer(layer) == Mixer::kGatedDeltaRule) { return {.linears = as_double(delta_rows(spec))}; }
  MixerRows out{.q = as_double(spec.num_heads * spec.layer_head_dim(layer))};
  if (!spec.shares_kv(layer)) { out.kv = as_double(spec.layer_kv_heads(layer) * spec.layer_head_dim(layer)); }
  out.linears = (spec.attention_gate ? 2 : 1) * out.q + (spec.projects_values(layer) ? 2 : 1) * out.kv;
  return out;
}

std::int64_t widest_inner(const ModelSpec& spec) {
  return std::max(spec.layer_inner_size(0), spec.layer_inner_size(spec.num_layers - 1));
}

// What q, k, v and attention store, or a gated delta rule, or a convolution, whose result is recomputed.
LayerKept kept_of_mixer(const ModelSpec& spec, std::int64_t layer) {
  if (spec.mixer(layer) == Mixer::kShortConvolution) { return {.compute = 3 * as_double(spec.hidden_size)}; }
  if (spec.mixer(layer) == Mixer::kGatedDeltaRule) { return kept_of_delta_rule(spec); }
  const MixerRows rows = mixer_rows(spec, layer);
  const double qkv = rows.q + 2 * rows.kv;
  const auto kv_heads = as_double(spec.shares_kv(layer) ? 0 : spec.layer_kv_heads(layer));
  LayerKept out{.compute = qkv};  // rotated q and k, and v
  if (spec.qk_norm != QkNorm::kNone) {
    out.compute += qkv;  // before the norm
    out.wide += as_double(spec.num_heads) + kv_heads;
  }
  if (spec.gemma4.value_norm) {
    out.compute += 2 * rows.kv;  // before the norm and behind it
    out.wide += kv_heads;
  }
  out.compute += rows.q;  // attention's result, which o reads
  out.wide += as_double(spec.num_heads);
  if (spec.attention_gate) {
    out.compute += 2 * rows.q;  // gate and result
  }
  return out;
}

// What a layer of gemma4 stores of the input that comes from the token itself.
LayerKept kept_of_input(const ModelSpec& spec) {
  if (spec.gemma4.input_size == 0) { return {}; }
  // The gate's input and the projection's result; the gate before and behind its activation, and times the input.
  return {.compute = 2 * as_double(spec.hidden_size) + 3 * as_double(spec.gemma4.input_size), .wide = 1};
}

// decoder.cpp, from the layer's input to its output; each tensor once, however many functions save it.
LayerKept kept_of_layer(const ModelSpec& spec, const PartNames& names, std::int64_t layer) {
  const double hidden = as_double(spec.hidden_size);
  LayerKept out = kept_of_mixer(spec, layer);
  const LayerKept of_token = kept_of_input(spec);
  out.compute += of_token.compute, out.wide += of_token.wide;
  // The inputs that come from a norm, or from gate and up, are recomputed.
  const auto norm = [&](const std::string& name, double input) {
    if (name.empty()) { return; }
    out.compute += input;
    out.wide += 1;
  };
  out.compute += hidden;  // the input of the first norm, or of q, k and v
  norm(names.attention_norm, 0);
  norm(names.attention_post_norm, hidden);
  if (!spec.parallel_block) { out.compute += hidden; }  // the middle
  norm(shares_norm(spec) ? names.attention_norm : names.mlp_norm, 0);
  if (spec.is_sparse(layer)) {
    out.compute += 2 * chosen_inner(spec);  // gate and up of the chosen experts
    // The router: logits, the probabilities of all or of the chosen experts, weights and two lists of 8 bytes.
    out.wide += 2 * as_double(spec.moe.num_experts) + 5 * as_double(spec.moe.experts_per_token);
  } else {
    out.compute += (spec.gated_mlp ? 2 : 1) * as_double(spec.layer_inner_size(layer));  // gate and up
  }
  norm(names.mlp_post_norm, hidden);
  return out;
}

// The numbers of the linears that share an input and are therefore copied into one matrix.
double stacked_numbers(const ModelSpec& spec, const PartNames& names) {
  const double hidden = as_double(spec.hidden_size), sparse = as_double(sparse_layers(spec));
  double rows = 0;
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) {
    const bool stacks =
        names.qkv.empty() && spec.mixer(layer) != Mixer::kShortConvolution && !spec.shares_kv(layer);
    if (stacks) { rows += mixer_rows(spec, layer).linears; }
    const bool pairs = names.gate_up.empty() && spec.gated_mlp && !spec.is_sparse(layer);
    if (pairs) { rows += 2 * as_double(spec.layer_inner_size(layer)); }
  }
  return (rows + 2 * as_double(spec.moe.num_experts * spec.moe.expert_size) * sparse) * hidden;
}

// The peak of a layer's backward besides the stored tensors: the gradients of down's input and of gate and
// up. By then the head's rows are freed; attention's backward comes later, when the MLP's are freed too. Experts also
// recompute down's input and add up x's gradient.
double working_numbers(const ModelSpec& spec, bool dora) {
  const bool all_sparse = sparse_layers(spec) == spec.num_layers;
  const double dense = all_sparse ? 0 : (dora ? 5 : 3) * as_double(widest_inner(spec));
  const double sparse = 4 * chosen_inner(spec) + as_double(spec.hidden_size);
  return sparse_layers(spec) > 0 ? std::max(dense, sparse) : dense;
}

// The widths of numbers in the two dtypes of a model.
struct Widths {
  double element = 0,
         wide = 0;  // bytes per number in the compute dtype, and in the type that it is computed in
};

// The same of a gated delta rule, in bytes: the gradients of the convolution's input and result, with the sums that
// become the former or with the gradients of all linears before it.
double working_of_delta_rule(const ModelSpec& spec, Widths width) {
  if (layers_with(spec, Mixer::kGatedDeltaRule) == 0) { return 0; }
  const double channels = as_double(delta_channels(spec));
  return 2 * channels * width.element +
         std::max(channels * width.wide, as_double(delta_rows(spec)) * width.element);
}

void fill_pass(const ModelSpec& spec, const MemoryRequest& request, const PartNames& names,
               const AdapterSize& adapter, Widths width, ModelMemory& out) {
  const double hidden = as_double(spec.hidden_size);
  const auto layers = as_double(std::max<std::int64_t>(spec.num_layers - adapter.lowest_layer, 0));
  const auto bytes_of_layer = [&](std::int64_t number) {
    const LayerKept kept = kept_of_layer(spec, names, number);
    return kept.compute * width.element + kept.wide * width.wide;
  };
  double all = 0, layer = 0;  // of the layers that store something, and of the largest one
  for (std::int64_t i = adapter.lowest_layer; i < spec.num_layers; ++i) {
    const double bytes = bytes_of_layer(i);
    all += bytes;
    layer = std::max(layer, bytes);
  }
  const double thin = as_double(adapter.ranks + adapter.magnitudes) * width.element;
  out.working_per_token = std::max(working_numbers(spec, adapter.magnitudes > 0) * width.element,
                                   working_of_delta_rule(spec, width));
  if (request.gradient_checkpointing) {
    out.kept_per_token = layers * hidden * width.element;
    out.working_per_token += layer + thin / std::max(layers, 1.0);
  } else {
    out.kept_per_token = all + thin;
  }
  // The last norm's input, and what all layers of gemma4 get from the token itself.
  out.kept_per_token += (hidden + as_double(spec.gemma4.input_size * spec.num_layers)) * width.element;
  if (request.scores) { return; }
  out.per_logp = hidden * width.element;
  out.at_head = as_double(request.chunk_rows * spec.vocab_size) * width.element;
  if (!request.train_full) { return; }
  const double narrow = width.element < width.wide ? width.element : 0;
  out.at_head += as_double(out.head) * (width.wide + narrow);
  const bool dense = sparse_layers(spec) < spec.num_layers;
  if (dense) {
    out.gradients = 2 * as_double(widest_inner(spec)) * hidden * (width.wide + narrow);
  }  // gate and up
  out.expert_gradients = 3 * as_double(spec.moe.num_experts * spec.moe.expert_size) * hidden * width.wide;
}

// The bytes of the layers' matrices, as kernels/packed/quantise.cpp makes them. Each has maps of its own.
double quantised_bytes(const AdapterBase& base, const Quantisation& how) {
  const double maps = 16 * 4 + (how.nested ? 256 * 4 : 0);
  double sum = 0;
  for (const LinearInfo& linear : base.linears) {
    const double numbers = as_double(linear.in * linear.out);
    if (how.kind == Quantisation::Kind::kInt8) {
      sum += numbers + 4 * as_double(linear.out);
      continue;
    }
    const double blocks = std::ceil(numbers / as_double(kernels::kNf4Block));
    const double scales =
        how.nested ? blocks + 4 * std::ceil(blocks / as_double(kernels::kNestedBlock)) : 4 * blocks;
    sum += std::ceil(numbers / 2) + scales + maps;
  }
  return sum;
}

// The largest of the weights that are expanded at one time.
double scratch_numbers(const ModelSpec& spec) {
  double rows = (spec.gated_mlp ? 2 : 1) * as_double(widest_inner(spec));
  rows = std::max(rows, as_double(spec.gemma4.input_size * spec.num_layers));
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) {
    const bool convolution = spec.mixer(layer) == Mixer::kShortConvolution;
    rows = std::max(rows, convolution ? 3 * as_double(spec.hidden_size) : mixer_rows(spec, layer).linears);
  }
  return as_double(spec.hidden_size) * rows;
}

// The numbers of a token in the cache.
double cached_numbers(const ModelSpec& spec) {
  double sum = 0;
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) {
    sum += spec.mixer(layer) == Mixer::kShortConvolution ? as_double(spec.hidden_size)
                                                         : 2 * mixer_rows(spec, layer).kv;
  }
  return sum;
}

// The shapes of a model: parameters without storage, and the parts that adapters can change.
struct Shapes {
  weights::Family family;
  std::deque<Parameter> parameters;
  std::map<std::string, const Parameter*> by_name;
  AdapterBase base;

  const Parameter* find(const std::string& name) const {
    const auto found = by_name.find(name);
    return found == by_name.end() ? nullptr : found->second;
  }
  void add_linear(const std::string& module, std::int64_t layer) {
    const Parameter* weight = find(module + ".weight");
    base.linears.push_back({.module = module,
                            .layer = layer,
                            .in = weight->value.size(1),
                            .out = weight->value.size(0),
                            .weight = weight,
                            .bias = find(module + ".bias")});
  }
  // The output head, which is the last savable module; null: a reward model has none.
  const Parameter* head() const { return base.savable.back().is_head ? base.savable.back().weight : nullptr; }
};

// The linears of a layer, in the order of model_impl.cpp.
void add_layer(const ModelSpec& spec, std::int64_t layer, Shapes& out) {
  const PartNames& names = out.family.names;
  const std::string prefix = names.layer_prefix(layer);
  for (const std::string& part : mixer_inputs(spec, names, layer)) { out.add_linear(prefix + part, layer); }
  out.add_linear(prefix + mixer_output(spec, names, layer), layer);
  if (spec.is_sparse(layer)) {
    for (const LinearInfo& experts : expert_linears(spec, names, layer)) {
      out.base.linears.push_back(experts);
    }
    return;
  }
  for (const std::string& part : names.gate_up_parts()) { out.add_linear(prefix + part, layer); }
  out.add_linear(prefix + names.down, layer);
  if (spec.gemma4.input_size == 0) { return; }
  for (const std::string& part : {names.layer_input_gate, names.layer_input_projection}) {
    out.add_linear(prefix + part, layer);
  }
}

Shapes shapes_of(const ModelSpec& spec, at::ScalarType dtype) {
  Shapes out{.family = weights::find_family(spec)};
  const PartNames& names = out.family.names;
  for (const ParameterShape& shape : parameter_shapes(spec, names)) {
    const at::Tensor values = at::empty(shape.shape, at::TensorOptions(at::kMeta).dtype(dtype));
    out.parameters.push_back({.name = shape.name, .stored = values, .value = values, .master = {}});
    out.by_name[shape.name] = &out.parameters.back();
  }
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) { add_layer(spec, layer, out); }
  if (spec.gemma4.input_size > 0) { out.add_linear(names.input_projection, 0); }
  out.base.savable = savable_modules(spec, names, [&](const std::string& name) { return out.find(name); });
  out.base.default_targets = out.family.default_targets;
  out.base.placement.compute = dtype;
  return out;
}

}  // namespace

double ModelMemory::pass(double tokens, double logps) const {
  const double kept = kept_per_token * tokens + per_logp * logps;
  return kept + std::max({at_head, working_per_token * tokens + expert_gradients, gradients});
}

ModelMemory plan_memory(const ModelSpec& spec, const MemoryRequest& request) {
  const Shapes model = shapes_of(spec, request.dtype);
  const PartNames& names = model.family.names;
  const Widths width{bytes_of(request.dtype), bytes_of(master_dtype(request.dtype))};
  const AdapterSize adapter = request.adapter ? adapter_size(*request.adapter, model.base) : AdapterSize{};
  ModelMemory out;
  for (const Parameter& parameter : model.parameters) { out.parameters += parameter.value.numel(); }
  for (const LinearInfo& linear : model.base.linears) {
    if (linear.experts == 0) { out.linears += linear.in * linear.out; }
  }
  const std::int64_t routers =
      sparse_layers(spec) * spec.moe.num_experts * (spec.hidden_size + (spec.moe.router_bias ? 1 : 0));
  const std::int64_t chosen = 3 * spec.moe.experts_per_token * spec.moe.expert_size;
  out.linears += sparse_layers(spec) * spec.hidden_size * chosen + routers;
  const Parameter* head = model.head();
  if (head != nullptr && !request.scores) { out.head = head->value.numel(); }
  const bool rounds = width.element < width.wide;
  if (request.train_full) {
    const std::int64_t scalars = spec.gemma4.layer_scalar ? spec.num_layers : 0;
    out.trained = out.parameters - (request.train_router ? 0 : routers) - scalars;
    out.copies =
        rounds ? as_double(out.parameters) * width.element : stacked_numbers(spec, names) * width.wide;
  } else {
    const bool spare_head = request.scores && head != nullptr && !spec.tie_word_embeddings;
    out.trained = adapter.parameters;
    out.weights = as_double(out.parameters - (spare_head ? head->value.numel() : 0)) * width.element;
    out.weights += as_double(routers) * (width.wide - width.element);
    if (request.quantise.any()) {
      out.weights += quantised_bytes(model.base, request.quantise) - as_double(out.linears) * width.element;
      out.scratch = scratch_numbers(spec) * width.element;
    }
    if (rounds) { out.copies = as_double(adapter.parameters - adapter.magnitudes) * width.element; }
    out.copies += 2 * as_double(adapter.magnitudes) * width.wide;  // DoRA's norms and gains
  }
  if (request.scores) { out.trained += spec.hidden_size; }
  out.cache_per_token = cached_numbers(spec) * width.element;
  out.state_per_sequence =
      as_double(layers_with(spec, Mixer::kGatedDeltaRule)) *
      (as_double(values_of_delta_rule(spec) * spec.delta_rule.key_head_dim) * width.wide +
       as_double(std::max<std::int64_t>(spec.conv_kernel - 1, 0) * delta_channels(spec)) * width.element);
  fill_pass(spec, request, names, adapter, width, out);
  return out;
}

}  // namespace una::model
