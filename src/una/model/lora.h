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
#include "una/weights/part_names.h"
#include "una/weights/safetensors.h"

namespace una::model {

// A [r, in] and B [out, r] of one adapted linear. Parameter names are PEFT's without "base_model.model.".
struct AdapterModule {
  Parameter a, b;
  double scale = 1;
  // DoRA: the magnitude m [out] in the master's dtype, the norm n [out] of the rows of W + s B A, and the
  // gain m / n. refresh_dora computes the last two; `gain` is undefined while m trains.
  std::optional<Parameter> magnitude;
  at::Tensor norm, gain;
};

// The parts of a model that adapters can change, and what a sentence about a wrong adapter needs.
struct AdapterBase {
  std::string model;  // the model's folder, "" for one made from a seed
  std::int64_t hidden_size = 0, num_layers = 0;
  weights::PartNames names;
  std::vector<LinearInfo> linears;
  std::vector<SavableModule> savable;
  std::vector<std::string> default_targets;
  Placement placement;
};

// The adapter's own version of a parameter of the base.
struct AdapterCopy {
  Parameter parameter;
  std::int64_t layer = 0;
};

// One adapter of a model, in memory. Not thread-safe: refreshed and used by one thread at a time.
struct Adapter {
  LoraSpec spec;
  bool trainable = false;
  std::vector<std::optional<AdapterModule>> modules;  // by id of the linear
  std::vector<AdapterCopy> copies;                    // of modules_to_save and biases, in the model's order
  std::map<const Parameter*, std::size_t> copy_of;    // the base's parameter -> index into `copies`

  // The lowest layer with a trained parameter, for checkpointing.
  std::int64_t lowest_layer(const std::vector<LinearInfo>& linears) const;

  // This adapter's version of a parameter of the base, which may be the base's own.
  const Parameter& version_of(const Parameter* base) const {
    if (copies.empty()) { return *base; }
    const auto found = copy_of.find(base);
    return found == copy_of.end() ? *base : copies[found->second].parameter;
  }

  // Calls visit(parameter) for all of them, in the order of files and of the optimiser.
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

// The adapter in a file's tensors; "score.weight" is left to the caller. InputError for missing, surplus,
// misshapen and non-finite tensors; `what` is the adapter's folder.
Adapter load_adapter(const LoraSpec& spec, const AdapterBase& base, const weights::StateDict& weights,
                     bool trainable, const std::string& what);

// A frozen adapter with the current values.
Adapter frozen_copy(const Adapter& adapter, const AdapterBase& base);

// Recomputes DoRA's norms and gains; does nothing for other adapters. The norm is computed from the
// compute-dtype weights and the adapter's masters: one product B A and one pass over each adapted weight.
void refresh_dora(Adapter& adapter, const AdapterBase& base);

// The size of an adapter of a spec, computed without making it.
struct AdapterSize {
  std::int64_t parameters = 0;  // of A, B, magnitudes and copies
  std::int64_t magnitudes = 0;  // of these, DoRA's
  std::int64_t ranks = 0;       // summed over the linears: numbers in the thin products of one token
  std::int64_t lowest_layer = 0;
};
AdapterSize adapter_size(LoraSpec spec, const AdapterBase& base);

// One module's term for one call of the kernels.
kernels::LoraTerm lora_term(const AdapterModule& module, double dropout, std::uint64_t dropout_key);

}  // namespace una::model
