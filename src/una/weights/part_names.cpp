#include "una/weights/part_names.h"

#include "una/base/format.h"

namespace una::weights {

std::vector<std::string> PartNames::qkv_parts() const {
  return qkv.empty() ? std::vector<std::string>{q, k, v} : std::vector<std::string>{qkv};
}

std::vector<std::string> PartNames::gate_up_parts() const {
  if (!gate_up.empty()) { return {gate_up}; }
  return gate.empty() ? std::vector<std::string>{up} : std::vector<std::string>{gate, up};
}

std::string PartNames::layer_prefix(std::int64_t layer) const { return cat(layers, ".", layer, "."); }

std::string PartNames::expert_prefix(std::int64_t layer, std::int64_t expert) const {
  return cat(layer_prefix(layer), experts, ".", expert, ".");
}

}  // namespace una::weights
