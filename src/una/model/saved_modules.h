#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "una/core/lora_spec.h"
#include "una/core/model_spec.h"
#include "una/model/lora_targets.h"
#include "una/model/parameter.h"
#include "una/model/parameter_shapes.h"

namespace una::model {

// A module other than the linears that an adapter can hold as a whole copy: the embedding, the head, a norm.
struct SavableModule {
  std::string module;  // "model.layers.0.input_layernorm"
  const Parameter* weight = nullptr;
  // The first layer whose gradient it needs; for the final norm and the head one past the last.
  std::int64_t layer = 0;
  bool tied = false;  // embedding and head are one tensor
  bool is_head = false;
};

// All of them in the model's order. `find` returns the parameter of a name, or null.
std::vector<SavableModule> savable_modules(const ModelSpec& spec, const PartNames& names,
                                           const std::function<const Parameter*(const std::string&)>& find);

// A parameter of the base that an adapter copies.
struct CopyPlan {
  std::string name;  // in PEFT's files without "base_model.model."
  const Parameter* base = nullptr;
  std::int64_t layer = 0;
};

// The copies required by modules_to_save (except "score") and `bias`, matched as PEFT does: modules whose
// name ends in the entry; the biases of adapted linears ("<module>.base_layer.bias"), and for "all" those of
// the other linears too ("<module>.bias"). InputError for an entry that is not a savable module, for a tied
// embedding or head, and for an unknown word in `bias`. The bases of the copies are owned by the model.
std::vector<CopyPlan> planned_copies(const LoraSpec& spec, const std::vector<SavableModule>& savable,
                                     const std::vector<LinearInfo>& linears,
                                     const std::vector<LoraTarget>& targets);

// Whether the adapter holds a reward head.
bool saves_score(const LoraSpec& spec);

}  // namespace una::model
