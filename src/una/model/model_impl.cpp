#include "una/model/model_impl.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/add.h>
#include <ATen/ops/aminmax.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/scalar_tensor.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/rng.h"
#include "una/kernels/embedding.h"
#include "una/kernels/mixers/short_convolution.h"
#include "una/model/checkpointing.h"
#include "una/model/sequence_lengths.h"

namespace una::model {
namespace {

bool uses_local_rope(const ModelSpec& spec) {
  return std::find(spec.rope_layers.begin(), spec.rope_layers.end(), 1) != spec.rope_layers.end();
}

// The head size of the layers that `rope` turns, where local_rope turns the others.
std::int64_t full_head_dim(const ModelSpec& spec) {
  return spec.gemma4.full_head_dim > 0 ? spec.gemma4.full_head_dim : spec.head_dim;
}

bool has_mixer(const ModelSpec& spec, Mixer mixer) {
  return std::find(spec.mixers.begin(), spec.mixers.end(), mixer) != spec.mixers.end();
}

// How the gated delta rules of a call go through its sequences.
DeltaCall delta_call(const ModelSpec& spec, const LayerCall& call, std::int64_t tokens) {
  if (call.cache != nullptr) {
    RecurrentStates* states = call.cache->states();
    return {.taps = {}, .plan = nullptr, .states = states, .step = states->step(*call.segments, call.slots)};
  }
  return {.taps = kernels::convolution_taps(*call.segments, tokens, spec.conv_kernel),
          .plan = std::make_shared<kernels::DeltaPlan>(kernels::delta_plan(*call.segments, tokens))};
}

// transformers rounds the scale to the weights' dtype first.
at::Tensor scaled_embedding(const at::Tensor& rows, double scale) {
  if (scale == 1) { return rows; }
  const at::ScalarType dtype = rows.scalar_type();
  const double rounded = at::scalar_tensor(scale, at::kDouble).to(dtype).to(at::kDouble).item<double>();
  return at::mul(rows, rounded);
}

}  // namespace

void check_tokens(const at::Tensor& tokens, std::int64_t vocabulary) {
  if (tokens.numel() == 0) { return; }
  const auto [low, high] = at::aminmax(tokens);
  const auto smallest = low.item<std::int64_t>(), largest = high.item<std::int64_t>();
  check_input(smallest >= 0 && largest < vocabulary, "token id ", smallest < 0 ? smallest : largest,
              " is outside the model's vocabulary of ", vocabulary,
              " rows; is this the model's own tokenizer?");
}

std::string inexact_because(const ModelSpec& spec, at::Device device) {
  if (!device.is_cpu()) {
    return cat("the device ", device.str(), " sums in orders of its own, only the CPU can");
  }
  if (spec.moe.num_experts > 0) {
    return "a mixture of experts computes the tokens of an expert together, in products of all sizes";
  }
  if (has_mixer(spec, Mixer::kShortConvolution) || has_mixer(spec, Mixer::kGatedDeltaRule)) {
    return cat(
        "layers of ", spec.model_type,
        " that are not attention go through whole sequences in other steps than through single tokens");
  }
  if (spec.rope.depends_on_length() || spec.local_rope.depends_on_length()) {
    return "rope's frequencies follow from a sequence's length, which is another one while it is sampled";
  }
  return "";
}

Model::Impl::Impl(const ModelSpec& model_spec, const LoadOptions& options)
    : spec(model_spec),
      family(weights::find_family(model_spec)),
      dtype(options.dtype),
      device(options.device),
      full_training(options.train_full),
      sums(options.exact ? kernels::Sums::kFixed : kernels::Sums::kFast),
      quantise(options.quantise),
      rope(model_spec.rope, full_head_dim(model_spec), model_spec.max_positions),
      local_rope(model_spec.local_rope, model_spec.head_dim, model_spec.max_positions) {
  check_input(c10::impl::hasDeviceGuardImpl(device.type()), "device ", device.str(),
              " is not there: it must be opened first (kernels/devices.h)");
  check(dtype == at::kFloat || dtype == at::kBFloat16 || dtype == at::kDouble,
        "LoadOptions::dtype must be fp32, bf16 or fp64");
  check(!quantise.any() || !full_training, "LoadOptions: a quantised base is frozen");
  const std::string why = options.exact ? inexact_because(spec, device) : "";
  check_input(why.empty(), "exact_sampling true: ", why, "; leave it out");
  check_input(!quantise.any() || spec.moe.num_experts == 0,
              "a quantised base: this model is a mixture of experts, and experts are not quantised; leave "
              "load_in_4bit and load_in_8bit out");
}

Parameter* Model::Impl::find(const std::string& name) {
  const auto found = by_name.find(name);
  return found == by_name.end() ? nullptr : found->second;
}

StackedLinear Model::Impl::make_linear(std::int64_t layer, const std::vector<std::string>& modules) {
  return make_linear(layer, family.names.layer_prefix(layer), modules);
}

StackedLinear Model::Impl::make_linear(std::int64_t layer, const std::string& prefix,
                                       const std::vector<std::string>& modules) {
  std::vector<StackedLinear::Part> parts;
  for (const std::string& name : modules) {
    const std::string module = prefix + name;
    Parameter* weight = find(module + ".weight");
    parts.push_back({.id = base.linears.size(),
                     .weight = weight,
                     .bias = find(module + ".bias"),
                     .dropout_stream = stream_id(module)});
    base.linears.push_back({.module = module,
                            .layer = layer,
                            .in = weight->columns(),
                            .out = weight->rows(),
                            .weight = weight,
                            .bias = find(module + ".bias")});
  }
  return StackedLinear(std::move(parts), scratch);
}

NormPart Model::Impl::find_norm(const std::string& prefix, const std::string& name) {
  if (name.empty()) { return {}; }
  return {.weight = find(prefix + name + ".weight"), .bias = find(prefix + name + ".bias")};
}

SparseMlp Model::Impl::make_experts(std::int64_t layer) {
  const PartNames& names = family.names;
  std::vector<SparseMlp::Part> parts;
  for (std::int64_t expert = 0; expert < spec.moe.num_experts; ++expert) {
    const std::string prefix = names.expert_prefix(layer, expert);
    parts.push_back({.gate = find(prefix + names.expert_gate + ".weight"),
                     .up = find(prefix + names.expert_up + ".weight"),
                     .down = find(prefix + names.expert_down + ".weight"),
                     .gate_bias = find(prefix + names.expert_gate + ".bias"),
                     .up_bias = find(prefix + names.expert_up + ".bias"),
                     .down_bias = find(prefix + names.expert_down + ".bias")});
  }
  const std::size_t first_linear = base.linears.size();
  for (LinearInfo& experts : expert_linears(spec, names, layer)) {
    base.linears.push_back(std::move(experts));
  }
  const std::string router = names.layer_prefix(layer) + names.router;
  return {spec.moe,
          {layer, first_linear, names.fused_experts.front().interleaved},
          {find(router + ".weight"), find(router + ".bias")},
          std::move(parts)};
}

void Model::Impl::add_layer(std::int64_t layer) {
  const PartNames& names = family.names;
  const std::string prefix = names.layer_prefix(layer);
  const std::string& mlp_norm = shares_norm(spec) ? names.attention_norm : names.mlp_norm;
  DecoderLayer::Parts parts{.number = layer,
                            .attention_norm = find_norm(prefix, names.attention_norm),
                            .attention_post_norm = find_norm(prefix, names.attention_post_norm),
                            .mlp_norm = find_norm(prefix, mlp_norm),
                            .mlp_post_norm = find_norm(prefix, names.mlp_post_norm),
                            .q_norm = find(prefix + names.q_norm + ".weight"),
                            .k_norm = find(prefix + names.k_norm + ".weight"),
                            .sinks = find(prefix + names.sinks),
                            .qkv = make_linear(layer, mixer_inputs(spec, names, layer)),
                            .o = make_linear(layer, {mixer_output(spec, names, layer)})};
  if (spec.mixer(layer) == Mixer::kShortConvolution) {
    parts.conv = find(prefix + names.conv + ".weight");
    parts.conv_bias = find(prefix + names.conv + ".bias");
  }
  if (spec.mixer(layer) == Mixer::kGatedDeltaRule) {
    const DeltaMixer::Parts delta{.conv = find(prefix + names.delta_conv + ".weight"),
                                  .dt_bias = find(prefix + names.delta_dt_bias),
                                  .a_log = find(prefix + names.delta_a_log),
                                  .norm = find(prefix + names.delta_norm + ".weight")};
    parts.delta.emplace(spec, layer, delta);
  }
  if (spec.is_sparse(layer)) {
    parts.sparse = make_experts(layer);
  } else {
    parts.gate_up = make_linear(layer, names.gate_up_parts());
    parts.down = make_linear(layer, {names.down});
  }
  add_gemma4(layer, parts);
  layers.emplace_back(spec, std::move(parts));
}

void Model::Impl::add_gemma4(std::int64_t layer, DecoderLayer::Parts& parts) {
  const PartNames& names = family.names;
  const std::string prefix = names.layer_prefix(layer);
  if (spec.gemma4.layer_scalar) { parts.scalar = find(prefix + names.layer_scalar); }
  if (spec.gemma4.input_size == 0) { return; }
  StackedLinear gate = make_linear(layer, {names.layer_input_gate});
  parts.input.emplace(InputPart{.gate = std::move(gate),
                                .projection = make_linear(layer, {names.layer_input_projection}),
                                .norm = find_norm(prefix, names.layer_input_norm)});
}

void Model::Impl::build(const TensorSource& source, const LoadOptions& options) {
  const bool train_full = options.train_full;
  const PartNames& names = family.names;
  for (const ParameterShape& shape : parameter_shapes(spec, names)) {
    const at::Tensor values = source(shape);
    if (shape.name == names.score + ".weight") {
      set_score(values, train_full);
      continue;
    }
    const bool router = shape.of_router();
    const bool matrix = shape.kind == ParameterShape::Kind::kMatrix;
    const bool convolution = shape.kind == ParameterShape::Kind::kConvolution;
    const bool quantised = matrix && (starts_with(shape.name, names.layers + ".") ||
                                      shape.name == names.input_projection + ".weight");
    const bool may_train = shape.kind != ParameterShape::Kind::kBuffer && (!router || options.train_router);
    parameters.push_back(
        quantised && quantise.any()
            ? make_quantised(shape.name, values, placement(), quantise)
            : make_parameter(shape.name, values, router ? placement().wide() : placement(),
                             train_full && may_train,
                             matrix || convolution || shape.kind == ParameterShape::Kind::kRouter));
    by_name[shape.name] = &parameters.back();
  }
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) { add_layer(layer); }
  if (spec.gemma4.input_size > 0) {
    input_embedding = find(names.input_embedding + ".weight");
    input_projection = make_linear(0, "", {names.input_projection});  // every layer reads it
    input_norm = find_norm("", names.input_projection_norm);
  }
  embedding = find(names.embedding + ".weight");
  final_norm = find_norm("", names.final_norm);
  output = spec.tie_word_embeddings ? embedding : find(names.head + ".weight");
  base.hidden_size = spec.hidden_size;
  base.num_layers = spec.num_layers;
  base.names = names;
  base.default_targets = family.default_targets;
  base.placement = placement();
  base.savable = savable_modules(spec, names, [this](const std::string& name) { return find(name); });
}

void Model::Impl::set_score(const at::Tensor& values, bool trains) {
  // fp32 arithmetic: a bf16 score of 5 has steps of 0.03.
  score = std::make_unique<Parameter>(
      make_parameter(family.names.score + ".weight", values, placement().wide(), trains, true));
}

void Model::Impl::set_score_bias(const weights::StateDict& weights, bool trains) {
  const std::string name = family.names.score + ".bias";
  if (!weights.has(name)) { return; }
  score_bias =
      std::make_unique<Parameter>(make_parameter(name, weights.at(name), placement().wide(), trains, false));
}

const Parameter& Model::Impl::head(const Adapter* used) const {
  check(output != nullptr, "log-probs asked of a reward model, which has no output head");
  return used != nullptr ? used->version_of(output) : *output;
}

Adapter* Model::Impl::adapter(AdapterId id) const {
  if (id == kNoAdapter) { return nullptr; }
  check(id >= 0 && static_cast<std::size_t>(id) < adapters.size(), "there is no adapter with this id");
  Adapter* found = adapters[static_cast<std::size_t>(id)].get();
  check(found != nullptr, "the adapter with this id was removed");
  return found;
}

std::int64_t Model::Impl::first_trained_layer(const Adapter* used) const {
  if (full_training) { return 0; }
  return used != nullptr && used->trainable ? used->lowest_layer(base.linears) : spec.num_layers;
}

bool Model::Impl::rope_forbids_sharing(const PackedBatch& batch) const {
  if (!spec.rope.depends_on_length() && !spec.local_rope.depends_on_length()) { return false; }
  const TokenLengths lengths = packed_lengths(batch.segments, batch.tokens.numel());
  for (const RopeSpec* each : {&spec.rope, &spec.local_rope}) {
    for (std::size_t i = 0; i < lengths.least.size(); ++i) {
      const std::int64_t least = rope_variant(*each, spec.max_positions, lengths.least[i]);
      if (least != rope_variant(*each, spec.max_positions, lengths.most[i])) { return true; }
    }
  }
  return false;
}

Angles Model::Impl::angles_of(RopeTable& table, const at::Tensor& positions, const LayerCall& call) const {
  std::pair<at::Tensor, at::Tensor> rows;
  if (!table.spec().depends_on_length()) {
    rows = table.rows(positions);
  } else if (call.cache != nullptr) {
    rows = table.rows(positions, cached_lengths(*call.segments, positions.numel()));
  } else {
    rows = table.rows(positions, packed_lengths(*call.segments, positions.numel()).most);
  }
  return {rows.first.to(device), rows.second.to(device)};
}

at::Tensor Model::Impl::query_scale(const at::Tensor& positions) const {
  const RopeSpec& from = spec.rope;
  if (from.query_beta == 0 || positions.numel() == 0 ||
      positions.max().item<std::int64_t>() < from.original_max_positions) {
    return {};
  }
  const at::Tensor scales = at::empty({positions.numel(), 1, 1}, at::kFloat);
  const at::Tensor places = positions.contiguous();
  for (std::int64_t i = 0; i < positions.numel(); ++i) {  // each alone: a row depends on no other
    const auto times =
        static_cast<double>(places.const_data_ptr<std::int64_t>()[i] / from.original_max_positions);
    scales.mutable_data_ptr<float>()[i] = static_cast<float>(1 + from.query_beta * std::log1p(times));
  }
  return scales.to(device, dtype);
}

at::Tensor Model::Impl::layer_inputs(const at::Tensor& tokens, const at::Tensor& x,
                                     const AdapterUse& use) const {
  if (!input_projection) { return {}; }
  const std::int64_t size = spec.gemma4.input_size;
  const at::Tensor own = scaled_embedding(kernels::embedding(tokens.to(device), input_embedding->weight()),
                                          std::sqrt(static_cast<double>(size)));
  const at::Tensor projected =
      at::mul(input_projection->forward(x, use), 1 / std::sqrt(static_cast<double>(spec.hidden_size)));
  const at::Tensor normed = norm(projected.reshape({-1, size}), input_norm, NormRule(spec), use);
  return at::mul(at::add(normed.view(own.sizes()), own), std::numbers::sqrt2 / 2)
      .view({-1, spec.num_layers, size});
}

at::Tensor Model::Impl::run_layers(at::Tensor x, const at::Tensor& inputs, const LayerCall& call,
                                   std::int64_t first) const {
  std::array<Handed, 2> shared;  // keys and values of the last layer of each kind that makes its own
  for (std::int64_t number = 0; number < spec.num_layers; ++number) {
    const DecoderLayer& layer = layers[static_cast<std::size_t>(number)];
    Handed& kind = shared[spec.is_full(number) ? 1 : 0];
    const bool reads = spec.shares_kv(number), gives = spec.gemma4.kv_shared_layers > 0 && !reads;
    Handed handed = reads ? kind : Handed{};
    if (inputs.defined()) { handed.input = inputs.select(1, number); }
    if (number < first) {
      x = layer.forward(x, call, handed);
      if (gives) { kind = handed; }
      continue;
    }
    const auto again = [&layer, call, gives](const std::vector<at::Tensor>& from) {
      Handed each{from[1], from[2], from[3]};
      const at::Tensor y = layer.forward(from[0], call, each);
      return gives ? std::vector<at::Tensor>{y, each.keys, each.values} : std::vector<at::Tensor>{y};
    };
    const std::vector<at::Tensor> results =
        checkpointed(LayersFunction(again), {x, handed.input, handed.keys, handed.values});
    x = results[0];
    if (gives) { kind = {{}, results[1], results[2]}; }
  }
  return x;
}

at::Tensor Model::Impl::hidden(const at::Tensor& tokens, const at::Tensor& positions,
                               const ForwardOptions& options, LayerCall call) {
  check_tokens(tokens, spec.vocab_size);
  const Adapter* used = adapter(options.adapter);
  call.use = {used, options.training, options.dropout_key, sums};
  if (options.routers != nullptr && spec.moe.num_experts > 0) {
    call.tally = std::make_shared<RouterTally>(spec, tokens.numel(), options.routers->aux_weight);
  }
  call.angles[0] = angles_of(rope, positions, call);
  if (uses_local_rope(spec)) { call.angles[1] = angles_of(local_rope, positions, call); }
  call.query_scale = query_scale(positions);
  if (has_mixer(spec, Mixer::kShortConvolution)) {
    call.taps = kernels::convolution_taps(*call.segments, tokens.numel(), spec.conv_kernel);
  }
  if (has_mixer(spec, Mixer::kGatedDeltaRule)) { call.delta = delta_call(spec, call, tokens.numel()); }
  const bool keep_little = options.gradient_checkpointing && at::GradMode::is_enabled();
  const std::int64_t first = keep_little ? first_trained_layer(used) : spec.num_layers;
  const Parameter& table = call.use.parameter(embedding);
  at::Tensor x =
      scaled_embedding(kernels::embedding(tokens.to(device), table.weight()), spec.embedding_scale);
  const at::Tensor inputs = layer_inputs(tokens, x, call.use);
  x = run_layers(x, inputs, call, first);
  if (call.tally != nullptr) { *options.routers = call.tally->report(); }
  return norm(x, final_norm, NormRule(spec), call.use);
}

}  // namespace una::model
