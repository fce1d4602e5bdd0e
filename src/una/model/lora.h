#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "una/core/lora_spec.h"
#include "una/kernels/lora_linear.h"
#include "una/model/lora_targets.h"
#include "una/model/parameter.h"
#include "una/model/saved_modules.h"
#include "una/weights/safetensors.h"

namespace una::model {

// A [r, in] and B [out, r] of one linear. Parameter names are PEFT's without "base_model.model.".
struct AdapterModule {
  Parameter a, b;
  double scale = 1;
  // DoRA: its magnitude m [out], kept in the master's dtype, the norm n of the rows of W + s B A, and m / n.
  // refresh_dora computes the last two; `gain` is undefined while m trains.
  std::optional<Parameter> magnitude;
  at::Tensor norm, gain;
};

// What of a model its adapters can change.
struct AdapterBase {
  std::vector<LinearInfo> linears;
  std::vector<SavableModule> savable;
  std::vector<std::string> default_targets;
  Placement placement;
};

// A copy that stands in a base parameter's place.
struct AdapterCopy {
  Parameter parameter;
  std::int64_t layer = 0;
};

struct Adapter {
  LoraSpec spec;
  bool trainable = false;
  std::vector<std::optional<AdapterModule>> modules;  // by id of the linear
  std::vector<AdapterCopy> copies;                    // of modules_to_save and biases, in the model's order
  std::map<const Parameter*, std::size_t> copy_of;    // the base's parameter -> its place in `copies`

  // The lowest layer with something that trains, for checkpointing.
  std::int64_t lowest_layer(const std::vector<LinearInfo>& linears) const;

  // What this adapter has in the place of a parameter of the base.
  const Parameter& in_place_of(const Parameter* base) const {
    if (copies.empty()) { return *base; }
    const auto found = copy_of.find(base);
    return found == copy_of.end() ? *base : copies[found->second].parameter;
  }

  // visit(parameter) for all of them, in the order of files and of the optimiser.
  template <class Visit>
  void each_parameter(const Visit& visit) {
    for (auto& module : modules) {
      if (!module) { continue; }
      visit(module->a);
      visit(module->b);
      if (module->magnitude) { visit(*module->magnitude); }
    }
    for (AdapterCopy& copy : copies) { visit(copy.parameter); }
  }
};

// A fresh adapter: A uniform in +-1/sqrt(in) (PEFT's Kaiming uniform, a = sqrt 5), B zero, DoRA's magnitude
// the norm of the weight's rows, copies equal to the base.
Adapter make_adapter(const LoraSpec& spec, const AdapterBase& base, std::uint64_t seed, bool trainable);

// From a file's tensors; "score.weight" is left to the caller. InputError that lists missing, surplus and
// misshapen names.
Adapter load_adapter(const LoraSpec& spec, const AdapterBase& base, const weights::StateDict& weights,
                     bool trainable, const std::string& what);

// A frozen adapter with the present values.
Adapter frozen_copy(const Adapter& adapter, const AdapterBase& base);

// DoRA's norms and gains from the present values; nothing for other adapters. The norm is of the weights that
// arithmetic uses and of the adapter's masters: one product with B A, and one pass over each adapted weight.
void refresh_dora(Adapter& adapter, const AdapterBase& base);

// What an adapter of a spec would hold, without making it.
struct AdapterSize {
  std::int64_t parameters = 0;  // of A, B, magnitudes and copies
  std::int64_t magnitudes = 0;  // those of DoRA among them
  std::int64_t ranks = 0;       // summed over the linears: the thin products of one token
  std::int64_t lowest_layer = 0;
};
AdapterSize adapter_size(LoraSpec spec, const AdapterBase& base);

// What the kernels need of one module for one call.
kernels::LoraTerm lora_term(const AdapterModule& module, double dropout, std::uint64_t dropout_key);

}  // namespace una::model
