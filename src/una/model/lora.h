#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "una/core/lora_spec.h"
#include "una/kernels/lora_linear.h"
#include "una/model/parameter.h"
#include "una/weights/safetensors.h"

namespace una::model {

// A linear that adapters may change; its place in the model's list of linears is its id.
struct LinearInfo {
  std::string module;  // "model.layers.0.self_attn.q_proj"
  std::int64_t layer = 0, in = 0, out = 0;
};

// A [r, in] and B [out, r] of one linear. Parameter names are PEFT's without "base_model.model.".
struct AdapterModule {
  Parameter a, b;
  double scale = 1;
};

struct Adapter {
  LoraSpec spec;
  bool trainable = false;
  std::vector<std::optional<AdapterModule>> modules;  // by id of the linear

  std::int64_t lowest_layer(const std::vector<LinearInfo>& linears) const;  // of those adapted
};

// Which linears a spec adapts, as PEFT matches them: a list entry equals the module's name or follows its
// last dots; a regular expression matches the whole name; "all-linear" is every linear here (the head is not
// in the list). An empty list takes `defaults`. On return spec.target_modules holds the resolved entries.
// InputError listing the linears when an entry matches none.
std::vector<bool> resolve_targets(LoraSpec& spec, const std::vector<LinearInfo>& linears,
                                  const std::vector<std::string>& defaults);

// Rank and alpha of a module: the first pattern that matches the end of its name, else the spec's own.
std::int64_t module_rank(const LoraSpec& spec, const std::string& module);
double module_alpha(const LoraSpec& spec, const std::string& module);

// A fresh adapter: A uniform in +-1/sqrt(in) (PEFT's Kaiming uniform, a = sqrt 5), B zero.
Adapter make_adapter(const LoraSpec& spec, const std::vector<LinearInfo>& linears,
                     const std::vector<std::string>& defaults, std::uint64_t seed, at::ScalarType compute,
                     bool trainable);

// From a file's tensors; "score.weight" is left to the caller. InputError that lists missing, surplus and
// misshapen names. Without targets in the spec the file decides.
Adapter load_adapter(const LoraSpec& spec, const std::vector<LinearInfo>& linears,
                     const std::vector<std::string>& defaults, const weights::StateDict& weights,
                     at::ScalarType compute, bool trainable, const std::string& what);

// What the kernels need of one module for one call.
kernels::LoraTerm lora_term(const AdapterModule& module, double dropout, std::uint64_t dropout_key);

}  // namespace una::model
