#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "una/core/lora_spec.h"
#include "una/model/parameter.h"

namespace una::model {

// A linear that adapters may change; its place in the model's list of linears is its id.
struct LinearInfo {
  std::string module;  // "model.layers.0.self_attn.q_proj"
  std::int64_t layer = 0, in = 0, out = 0;
  const Parameter* weight = nullptr;  // [out, in]
  const Parameter* bias = nullptr;    // [out], null: none
};

// What a spec makes of one linear.
struct LoraTarget {
  std::size_t linear = 0;  // its id
  std::int64_t rank = 0;
  double scale = 1;
};

// The linears that a spec adapts, in the model's order, as PEFT matches them. target_modules: a list entry
// equals the module's name or follows its last dots; a regular expression matches the whole name;
// "all-linear" is every linear here (the head is not in the list); an empty list takes `defaults`.
// layers_to_transform then keeps those whose number follows a name that layers_pattern matches (none: any
// name), but for entries that are full names. Rank and alpha: of the patterns that match the end of the name
// after a dot, the first. On return spec.target_modules holds the resolved entries. InputError listing the
// linears when an entry matches none, and when no layer is left.
std::vector<LoraTarget> lora_targets(LoraSpec& spec, const std::vector<LinearInfo>& linears,
                                     const std::vector<std::string>& defaults);

}  // namespace una::model
