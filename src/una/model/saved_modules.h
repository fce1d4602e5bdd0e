#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "una/core/lora_spec.h"
#include "una/core/model_spec.h"
#include "una/model/family.h"
#include "una/model/lora_targets.h"
#include "una/model/parameter.h"

namespace una::model {

// A module beside the linears that an adapter may hold a whole copy of: the embedding, the head, a norm.
struct SavableModule {
  std::string module;  // "model.layers.0.input_layernorm"
  const Parameter* weight = nullptr;
  // The first layer whose gradient it needs; the final norm and the head: one past the last.
  std::int64_t layer = 0;
  bool tied = false;  // embedding and head are one tensor
  bool is_head = false;
};

// All of them in the model's order; `find` gives the parameter of a name, null where there is none.
std::vector<SavableModule> savable_modules(const ModelSpec& spec, const PartNames& names,
                                           const std::function<const Parameter*(const std::string&)>& find);

// One parameter of the base that an adapter has a copy of.
struct CopyPlan {
  std::string name;  // in PEFT's files without "base_model.model."
  const Parameter* base = nullptr;
  std::int64_t layer = 0;
};

// The copies that modules_to_save (but "score") and `bias` ask for, as PEFT finds them: a module whose name
// ends in the entry; the biases of adapted linears ("<module>.base_layer.bias"), for "all" those of the
// others too
// ("<module>.bias"). InputError on an entry that is no savable module, on a tied embedding or head, and on
// another word in `bias`.
std::vector<CopyPlan> planned_copies(const LoraSpec& spec, const std::vector<SavableModule>& savable,
                                     const std::vector<LinearInfo>& linears,
                                     const std::vector<LoraTarget>& targets);

bool saves_score(const LoraSpec& spec);

}  // namespace una::model
