#include "una/model/model.h"

#include <cmath>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/format.h"
#include "una/kernels/devices.h"
#include "una/kernels/linear_logps.h"
#include "una/kernels/packed/expand.h"
#include "una/kernels/product.h"
#include "una/model/initialize.h"
#include "una/model/mixers/recurrent_states.h"
#include "una/model/model_impl.h"
#include "una/model/name_check.h"
#include "una/model/quantised_files.h"
#include "una/model/sequence_lengths.h"
#include "una/weights/stored_form.h"

namespace una::model {
namespace {

constexpr std::size_t kResident = std::size_t{16}
                                  << 20;  // bytes of mapped files while a model is made of them

std::vector<ExpectedTensor> expected_tensors(const ModelSpec& spec, const PartNames& names) {
  std::vector<ExpectedTensor> out;
  for (const ParameterShape& shape : parameter_shapes(spec, names)) {
    out.push_back({shape.name, shape.shape});
  }
  return out;
}

// Files of gemma4 hold keys and values of layers that read another layer's; transformers ignores them too.
bool is_unread_key(const ModelSpec& spec, const PartNames& names, const std::string& name) {
  for (std::int64_t layer = spec.num_layers - spec.gemma4.kv_shared_layers; layer < spec.num_layers;
       ++layer) {
    for (const std::string& part : {names.k, names.v, names.k_norm}) {
      if (name == cat(names.layer_prefix(layer), part, ".weight")) { return true; }
    }
  }
  return false;
}

// A stored head of a model with a tied embedding must equal it. transformers 5 unties such a model and
// transformers 4 drops the head, so una leaves the choice to the user; every folder it writes then agrees
// with its config.json.
void check_tied(const PartNames& names, const weights::StateDict& weights, const std::string& what) {
  const std::string head = names.head + ".weight", embedding = names.embedding + ".weight";
  if (!weights.has(head)) { return; }
  const at::Tensor &stored = weights.at(head), &tied = weights.at(embedding);
  const bool equal = stored.scalar_type() == tied.scalar_type()
                         ? stored.equal(tied)
                         : stored.sizes() == tied.sizes() && stored.to(at::kFloat).equal(tied.to(at::kFloat));
  check_input(equal, what, ": config.json has \"tie_word_embeddings\": true, but ", head, " differs from ",
              embedding, "; set it to false to use the stored head (as transformers 5 does), or remove ",
              head, " from the weights to use the embedding");
}

at::Tensor random_parameter(const ModelSpec& spec, const ParameterShape& shape, std::uint64_t seed,
                            at::ScalarType dtype) {
  switch (shape.kind) {
    case ParameterShape::Kind::kBuffer:
      return at::ones(shape.shape, at::kFloat).to(dtype);
    case ParameterShape::Kind::kNorm:
      // No effect at the start: 1, or 0 where the norm multiplies by 1 + w.
      return (spec.norm_style == NormStyle::kPlusOne ? at::zeros(shape.shape, at::kFloat)
                                                     : at::ones(shape.shape, at::kFloat))
          .to(dtype);
    case ParameterShape::Kind::kGatedNorm:
      return at::ones(shape.shape, at::kFloat).to(dtype);
    case ParameterShape::Kind::kBias:
    case ParameterShape::Kind::kRouterBias:
      return at::zeros(shape.shape, at::kFloat).to(dtype);
    case ParameterShape::Kind::kMatrix:
    case ParameterShape::Kind::kConvolution:
    case ParameterShape::Kind::kRouter:
      break;
  }
  return random_normal(shape.shape, spec.initializer_range, seed, shape.name).to(dtype);
}

// Files are written from the values in use, so that numbers expanded from a quantised folder are in memory once.
void keep_values_only(std::deque<Parameter>& parameters) {
  for (Parameter& parameter : parameters) {
    const at::Tensor& value = parameter.value;
    const bool same = parameter.stored.defined() && value.defined() && value.is_cpu() &&
                      value.scalar_type() == parameter.stored.scalar_type();
    if (same) { parameter.stored = value; }
  }
}

// Moves the head's results to the CPU, where objectives read them; gradients return the same way.
PolicyOutput on_cpu(PolicyOutput out) {
  for (at::Tensor* each : {&out.logp, &out.entropy, &out.mean_logit, &out.greedy}) {
    if (each->defined()) { *each = each->cpu(); }
  }
  return out;
}

}  // namespace

Model::Model(const ModelSpec& spec, const weights::StateDict& stored, const LoadOptions& options,
             const std::string& what)
    : impl_(std::make_unique<Impl>(spec, options)) {
  const PartNames& names = impl_->family.names;
  const weights::StateDict plain =
      with_plain_weights(stored, options.train_full ? at::kFloat : options.dtype, what);
  const weights::StateDict weights = weights::as_parameters(spec, names, plain, what);
  // Old checkpoints hold rope's buffers and gpt_neox's causal masks; a tied head may be stored as well; a reward
  // model needs no head.
  const bool head_is_spare = spec.tie_word_embeddings || spec.is_reward_model();
  const auto may_ignore = [&](const std::string& name) {
    return ends_with(name, "rotary_emb.inv_freq") || ends_with(name, ".attention.bias") ||
           ends_with(name, ".attention.masked_bias") || is_unread_key(spec, names, name) ||
           (!names.ignored.empty() && starts_with(name, names.ignored)) ||
           (head_is_spare && name == names.head + ".weight");
  };
  std::vector<ExpectedTensor> expected = expected_tensors(spec, names);
  const std::string bias =
      names.score + ".bias";  // transformers' own heads have none, but some trained models do
  if (spec.is_reward_model() && weights.has(bias)) { expected.push_back({bias, {1}}); }
  check_names(expected, weights, may_ignore, what);
  if (spec.tie_word_embeddings && !spec.is_reward_model()) { check_tied(names, weights, what); }
  impl_->base.model = what;
  // What was copied (into another dtype, as masters) leaves the resident set before more is read.
  std::size_t read = 0;
  impl_->build(
      [&](const ParameterShape& shape) {
        const at::Tensor& values = weights.at(shape.name);
        if (read >= kResident) {
          weights.release_pages();
          read = 0;
        }
        read += values.nbytes();
        return values;
      },
      options);
  if (spec.is_reward_model()) { impl_->set_score_bias(weights, options.train_full); }
  if (plain.size() != stored.size()) { keep_values_only(impl_->parameters); }
}

Model::Model(const ModelSpec& spec, std::uint64_t seed, const LoadOptions& options)
    : impl_(std::make_unique<Impl>(spec, options)) {
  const at::ScalarType dtype = options.train_full ? master_dtype(options.dtype) : options.dtype;
  impl_->build([&](const ParameterShape& shape) { return random_parameter(spec, shape, seed, dtype); },
               options);
}

Model::~Model() = default;

const ModelSpec& Model::spec() const { return impl_->spec; }

at::ScalarType Model::dtype() const { return impl_->dtype; }

at::Device Model::device() const { return impl_->device; }

bool Model::exact() const { return impl_->sums == kernels::Sums::kFixed; }

const Quantisation& Model::quantisation() const { return impl_->quantise; }

std::int64_t Model::quantised_bytes() const {
  std::int64_t sum = 0;
  for (const Parameter& parameter : impl_->parameters) {
    if (parameter.packed) { sum += kernels::packed_bytes(*parameter.packed); }
  }
  return sum;
}

std::int64_t Model::quantised_numbers() const {
  std::int64_t sum = 0;
  for (const Parameter& parameter : impl_->parameters) {
    if (parameter.packed) { sum += parameter.packed->numbers(); }
  }
  return sum;
}

std::int64_t Model::take_peak_memory() const {
  if (impl_->device.is_cpu()) { return static_cast<std::int64_t>(una::take_peak_memory()); }
  const std::int64_t peak = kernels::device_memory(impl_->device).peak;
  kernels::reset_peak_memory(impl_->device);
  return peak;
}

at::Tensor Model::hidden(const at::Tensor& tokens, const at::Tensor& positions,
                         const std::vector<Segment>& segments, const ForwardOptions& options) {
  return impl_->hidden(tokens, positions, options,
                       {.segments = std::make_shared<const std::vector<Segment>>(segments)});
}

at::Tensor Model::hidden_cached(const at::Tensor& tokens, const at::Tensor& positions,
                                const std::vector<Segment>& segments, const at::Tensor& slots, KvCache& cache,
                                const ForwardOptions& options) {
  const at::NoGradGuard no_grad;
  return impl_->hidden(tokens, positions, options,
                       {.segments = std::make_shared<const std::vector<Segment>>(segments),
                        .cache = &cache,
                        .slots = slots.to(impl_->device)});
}

at::Tensor Model::raw_logits(const at::Tensor& hidden, AdapterId adapter) {
  const at::NoGradGuard no_grad;
  return kernels::product(hidden, impl_->head(impl_->adapter(adapter)).value, {}, impl_->sums);
}

at::Tensor Model::logps(const at::Tensor& raw_logits, const at::Tensor& targets) const {
  return kernels::logps_of(raw_logits, targets, impl_->head_params(1));
}

at::Tensor Model::shaped(const at::Tensor& raw_logits) const {
  const at::NoGradGuard no_grad;
  at::Tensor logits = raw_logits.cpu().to(at::kFloat);
  const double cap = impl_->spec.logit_soft_cap, scale = impl_->spec.logit_scale;
  if (scale != 1) { logits = logits.mul(scale); }
  return cap > 0 ? logits.div(cap).tanh().mul(cap) : logits;
}

PolicyOutput Model::forward(const PackedBatch& batch, const PolicyWants& wants,
                            const ForwardOptions& options) {
  if (!impl_->rope_forbids_sharing(batch)) { return forward_as_packed(batch, wants, options); }
  PolicyWants whole_wants = wants;
  const PackedBatch whole = unshare(batch, whole_wants.state_rows);
  return forward_as_packed(whole, whole_wants, options);
}

PolicyOutput Model::forward_as_packed(const PackedBatch& batch, const PolicyWants& wants,
                                      const ForwardOptions& options) {
  const at::Device device = impl_->device;
  const at::Tensor states = hidden(batch.tokens, batch.positions, batch.segments, options);
  PolicyOutput out;
  if (wants.logp || wants.statistics) {
    if (!device.is_cpu()) { check_tokens(batch.logp_targets, impl_->spec.vocab_size); }
    out = on_cpu(kernels::linear_logps(states.index_select(0, batch.logp_rows.to(device)),
                                       impl_->head(impl_->adapter(options.adapter)).weight(),
                                       batch.logp_targets.to(device), wants,
                                       impl_->head_params(wants.temperature)));
  }
  if (wants.state_rows.defined()) {
    out.states = states.detach().index_select(0, wants.state_rows.to(device));
  }
  if (wants.score) {
    check(has_reward_head(), "scores asked of a model without a reward head");
    const Parameter& score = *impl_->score;
    const at::Tensor last = states.index_select(0, batch.last_rows.to(device)).to(score.value.scalar_type());
    out.score = at::linear(last, score.trains() ? score.master : score.value).squeeze(-1);
    if (impl_->score_bias) {
      const Parameter& bias = *impl_->score_bias;
      out.score = out.score + (bias.trains() ? bias.master : bias.value);
    }
    out.score = out.score.cpu();
  }
  return out;
}

std::vector<TrainableTensor> Model::trainable() {
  std::vector<TrainableTensor> out;
  const auto add = [&](const Parameter& parameter, AdapterId adapter = kNoAdapter) {
    if (!parameter.trains()) { return; }
    out.push_back(
        {.name = parameter.name, .master = parameter.master, .decay = parameter.decay, .adapter = adapter});
  };
  // A causal LM that became a reward model keeps its head, but no loss gives it gradients.
  const Parameter* spare = has_reward_head() && impl_->output != impl_->embedding ? impl_->output : nullptr;
  for (const Parameter& parameter : impl_->parameters) {
    if (&parameter != spare) { add(parameter); }
  }
  for (std::size_t id = 0; id < impl_->adapters.size(); ++id) {
    if (!impl_->adapters[id]) { continue; }
    impl_->adapters[id]->each_parameter(
        [&](const Parameter& parameter) { add(parameter, static_cast<AdapterId>(id)); });
  }
  if (impl_->score) { add(*impl_->score); }
  if (impl_->score_bias) { add(*impl_->score_bias); }
  return out;
}

void Model::refresh() {
  for (Parameter& parameter : impl_->parameters) { parameter.refresh(); }
  for (const auto& adapter : impl_->adapters) {
    if (!adapter) { continue; }
    adapter->each_parameter([](Parameter& parameter) { parameter.refresh(); });
    if (adapter->trainable || impl_->full_training) { refresh_dora(*adapter, impl_->base); }
  }
  if (impl_->score) { impl_->score->refresh(); }
  if (impl_->score_bias) { impl_->score_bias->refresh(); }
}

weights::NamedTensors Model::Impl::named_parameters() const {
  weights::NamedTensors out;
  for (const Parameter& parameter : parameters) {
    if (score != nullptr && parameter.name == family.names.head + ".weight") { continue; }
    out.emplace_back(parameter.name, parameter.full());
  }
  for (const Parameter* part : {score.get(), score_bias.get()}) {
    if (part != nullptr) { out.emplace_back(part->name, part->full()); }
  }
  return out;
}

std::vector<std::pair<std::string, at::Tensor>> Model::named_tensors() const {
  return weights::as_stored(impl_->spec, impl_->family.names, impl_->named_parameters());
}

KvCache::KvCache(const Model& model, std::int64_t slots) : slots_(slots) {
  const ModelSpec& spec = model.spec();
  const auto rows = [&](std::int64_t heads, std::int64_t size) {
    const auto options = at::TensorOptions().dtype(model.dtype()).device(model.device());
    return at::empty({heads, slots, size}, options).transpose(0, 1);
  };
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) {
    const bool attention = spec.mixer(layer) == Mixer::kAttention;
    const std::int64_t other = spec.mixer(layer) == Mixer::kShortConvolution ? spec.hidden_size : 0;
    const std::int64_t heads = spec.layer_kv_heads(layer);
    const std::int64_t size = spec.shares_kv(layer) ? 0 : spec.layer_head_dim(layer);
    keys_.push_back(attention ? rows(heads, size) : rows(1, other));
    values_.push_back(attention ? rows(heads, size) : rows(1, 0));
    if (spec.mixer(layer) == Mixer::kGatedDeltaRule && states_ == nullptr) {
      states_ = std::make_shared<RecurrentStates>(spec, model.dtype(), model.device());
    }
  }
}

}  // namespace una::model
