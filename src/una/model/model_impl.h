#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "una/model/decoder.h"
#include "una/model/family.h"
#include "una/model/lora.h"
#include "una/model/model.h"
#include "una/model/parameter.h"
#include "una/model/rope_table.h"

namespace una::model {

// InputError on an id that the vocabulary does not have.
void check_tokens(const at::Tensor& tokens, std::int64_t vocabulary);

struct Model::Impl {
  // The tensor a checkpoint (or the random start) has for one parameter.
  using TensorSource = std::function<at::Tensor(const ParameterShape&)>;

  Impl(const ModelSpec& spec, const LoadOptions& options);
  void build(const TensorSource& source, bool train_full);
  void set_score(const at::Tensor& values, bool trains);
  void set_score_bias(const weights::StateDict& weights, bool trains);  // where they hold one

  Placement placement() const { return {dtype, device}; }
  at::Tensor hidden(const at::Tensor& tokens, const at::Tensor& positions, const ForwardOptions& options,
                    LayerCall call);
  // The head that an adapter's calls use (null: the base's). InternalError on a reward model without one.
  const Parameter& head(const Adapter* used) const;
  Adapter* adapter(AdapterId id) const;  // null: kNoAdapter
  std::int64_t first_trained_layer(const Adapter* used) const;
  // A shared prompt of the batch would take other rope frequencies in one of its sequences than in another.
  bool rope_forbids_sharing(const PackedBatch& batch) const;

  ModelSpec spec;
  Family family;
  at::ScalarType dtype;
  at::Device device;
  bool full_training = false;
  std::deque<Parameter> parameters;  // Hugging Face's order; addresses are kept
  std::map<std::string, Parameter*> by_name;
  AdapterBase base;
  std::vector<DecoderLayer> layers;
  Parameter *embedding = nullptr, *final_norm = nullptr;
  Parameter* output = nullptr;            // lm_head, or the embedding when tied; null: none
  std::unique_ptr<Parameter> score;       // the reward head, computed in fp32
  std::unique_ptr<Parameter> score_bias;  // [1], of the few trained heads that have one
  std::vector<std::unique_ptr<Adapter>> adapters;
  RopeTable rope, local_rope;

 private:
  StackedLinear make_linear(std::int64_t layer, const std::vector<std::string>& modules);
  Parameter* find(const std::string& name);
  Parameter* find_norm(const std::string& prefix, const std::string& name);  // null: an empty name
  void add_layer(std::int64_t layer);
  Angles angles_of(RopeTable& table, const at::Tensor& positions, const LayerCall& call) const;
};

}  // namespace una::model
