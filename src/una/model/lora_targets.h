#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "una/core/lora_spec.h"
#include "una/core/model_spec.h"
#include "una/model/parameter.h"
#include "una/weights/part_names.h"

namespace una::model {

// A linear that adapters can change; its index in the model's list of linears is its id. All experts of a layer are
// one: PEFT adapts them as one parameter, "model.layers.0.mlp.experts.gate_up_proj".
struct LinearInfo {
  std::string module;  // "model.layers.0.self_attn.q_proj"
  std::int64_t layer = 0, in = 0, out = 0;
  const Parameter* weight = nullptr;  // [out, in], null: experts
  const Parameter* bias = nullptr;    // [out], null: none
  std::int64_t experts = 0;           // 0: not experts
  bool biased = false;                // experts with biases
};

// The two entries of a sparse layer: gate and up, then down.
std::vector<LinearInfo> expert_linears(const ModelSpec& spec, const weights::PartNames& names,
                                       std::int64_t layer);

// How a spec adapts one linear.
struct LoraTarget {
  std::size_t linear = 0;  // its id
  std::int64_t rank = 0;
  double scale = 1;
};

// The linears that a spec adapts, in the model's order, as PEFT matches them. target_modules: a list entry
// must be the module's name or the end of it after a dot; a regular expression must match the whole name;
// "all-linear" means every linear here (the head is not in the list); an empty list means `defaults`.
// layers_to_transform then keeps those whose number follows a name that layers_pattern matches (none: any
// name), except for entries that are full names. Rank and alpha come from the first pattern that matches the
// end of the name after a dot. On return spec.target_modules holds the resolved entries. InputError listing
// the linears when an entry matches none, and when no layer is left. Experts are matched by spec.target_parameters
// only, whose entries are the name of the parameter or the end of it after a dot; with them, an empty target_modules
// means none.
std::vector<LoraTarget> lora_targets(LoraSpec& spec, const std::vector<LinearInfo>& linears,
                                     const std::vector<std::string>& defaults);

}  // namespace una::model
