#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "una/kernels/linear_logps.h"
#include "una/model/decoder.h"
#include "una/model/lora.h"
#include "una/model/model.h"
#include "una/model/parameter.h"
#include "una/model/parameter_shapes.h"
#include "una/model/rope_table.h"
#include "una/weights/family.h"
#include "una/weights/stored_form.h"

namespace una::model {

// InputError for an id outside the vocabulary.
void check_tokens(const at::Tensor& tokens, std::int64_t vocabulary);

// The model's state and arithmetic; Model is its public face.
struct Model::Impl {
  // The initial values of one parameter, from a checkpoint or random.
  using TensorSource = std::function<at::Tensor(const ParameterShape&)>;

  Impl(const ModelSpec& spec, const LoadOptions& options);
  void build(const TensorSource& source, const LoadOptions& options);
  void set_score(const at::Tensor& values, bool trains);
  void set_score_bias(const weights::StateDict& weights, bool trains);  // if they hold one

  Placement placement() const { return {dtype, device}; }
  at::Tensor hidden(const at::Tensor& tokens, const at::Tensor& positions, const ForwardOptions& options,
                    LayerCall call);
  // Under the names of parameters: one matrix per expert.
  weights::NamedTensors named_parameters() const;
  // The head that an adapter's calls use (null: the base's). InternalError on a reward model, which has none.
  const Parameter& head(const Adapter* used) const;
  kernels::HeadParams head_params(double temperature) const {
    return {.temperature = temperature / spec.logit_scale, .soft_cap = spec.logit_soft_cap, .sums = sums};
  }
  Adapter* adapter(AdapterId id) const;  // null: kNoAdapter
  std::int64_t first_trained_layer(const Adapter* used) const;
  // Whether a shared prompt of the batch needs different rope frequencies in different sequences.
  bool rope_forbids_sharing(const PackedBatch& batch) const;

  ModelSpec spec;
  weights::Family family;
  at::ScalarType dtype;
  at::Device device;
  bool full_training = false;
  kernels::Sums sums = kernels::Sums::kFast;  // of forward passes
  Quantisation quantise;                      // of the layers' matrices
  std::shared_ptr<kernels::Scratch> scratch = std::make_shared<kernels::Scratch>();
  std::deque<Parameter> parameters;  // Hugging Face's order; a deque, so that addresses stay valid
  std::map<std::string, Parameter*> by_name;
  AdapterBase base;
  std::vector<DecoderLayer> layers;
  Parameter* embedding = nullptr;
  NormPart final_norm;
  // gemma4: the second embedding, and the projection of the first one with its norm.
  Parameter* input_embedding = nullptr;
  std::optional<StackedLinear> input_projection;
  NormPart input_norm;
  Parameter* output = nullptr;                     // lm_head, or the embedding when tied; null: none
  std::unique_ptr<Parameter> score;                // the reward head, computed in fp32
  std::unique_ptr<Parameter> score_bias;           // [1]; only few trained heads have one
  std::vector<std::unique_ptr<Adapter>> adapters;  // by id; null: removed
  RopeTable rope, local_rope;

 private:
  StackedLinear make_linear(std::int64_t layer, const std::vector<std::string>& modules);
  StackedLinear make_linear(std::int64_t layer, const std::string& prefix,
                            const std::vector<std::string>& modules);
  Parameter* find(const std::string& name);
  NormPart find_norm(const std::string& prefix, const std::string& name);  // absent: an empty name
  SparseMlp make_experts(std::int64_t layer);
  void add_layer(std::int64_t layer);
  void add_gemma4(std::int64_t layer, DecoderLayer::Parts& parts);
  // What each layer of gemma4 gets from the token itself, [T, layers, P]; undefined: nothing.
  at::Tensor layer_inputs(const at::Tensor& tokens, const at::Tensor& x, const AdapterUse& use) const;
  // Runs the layers; those from `first` on keep only what goes into them.
  at::Tensor run_layers(at::Tensor x, const at::Tensor& inputs, const LayerCall& call,
                        std::int64_t first) const;
  at::Tensor query_scale(const at::Tensor& positions) const;  // LayerCall::query_scale
  Angles angles_of(RopeTable& table, const at::Tensor& positions, const LayerCall& call) const;
};

}  // namespace una::model
