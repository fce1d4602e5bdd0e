#include "una/model/adapter_origin.h"

#include <algorithm>
#include <charconv>

#include "una/base/format.h"

namespace una::model {
namespace {

constexpr std::int64_t kMostLayers = 1'000'000;  // a larger number in a name is not a layer's

std::string layers_text(std::int64_t count) { return cat(count, count == 1 ? " layer" : " layers"); }

// The model that an adapter was made for, as far as its tensors show it; 0: unknown.
struct Origin {
  std::int64_t layers = 0;  // one more than the highest number in a name
  std::int64_t hidden = 0;  // columns of the A of a linear that reads the hidden states
};

bool reads_states(const std::string& tensor, const weights::PartNames& names) {
  const std::string modules[] = {names.q,
                                 names.k,
                                 names.v,
                                 names.qkv,
                                 names.gate,
                                 names.up,
                                 names.gate_up,
                                 names.conv_in,
                                 names.delta_qkv,
                                 names.delta_z,
                                 names.delta_b,
                                 names.delta_a,
                                 names.layer_input_gate};
  return std::any_of(std::begin(modules), std::end(modules), [&](const std::string& module) {
    return !module.empty() && tensor == module + ".lora_A.weight";
  });
}

Origin origin_of(const weights::StateDict& weights, const weights::PartNames& names) {
  const std::string prefix = names.layers + ".";
  Origin out;
  for (const auto& [name, tensor] : weights.all()) {
    if (!starts_with(name, prefix)) { continue; }
    const char *begin = name.data() + prefix.size(), *end = name.data() + name.size();
    std::int64_t layer = -1;
    const auto [dot, error] = std::from_chars(begin, end, layer);
    if (error != std::errc() || dot == end || *dot != '.' || layer < 0 || layer > kMostLayers) { continue; }
    out.layers = std::max(out.layers, layer + 1);
    if (tensor.dim() == 2 && reads_states({dot + 1, end}, names)) { out.hidden = tensor.size(1); }
  }
  return out;
}

}  // namespace

std::string other_model(const LoraSpec& spec, const AdapterBase& base, const weights::StateDict& weights) {
  const Origin origin = origin_of(weights, base.names);
  const bool all_layers = spec.layers_to_transform.empty() && origin.layers > 0;
  const bool depth_differs =
      origin.layers > base.num_layers || (all_layers && origin.layers < base.num_layers);
  const bool width_differs = origin.hidden > 0 && origin.hidden != base.hidden_size;
  if (!depth_differs && !width_differs) { return ""; }
  const std::string& made_for = spec.base_model_name_or_path;
  return cat("the adapter was made for ", made_for.empty() ? std::string("another model") : made_for, " (",
             layers_text(origin.layers),
             origin.hidden > 0 ? cat(", ", origin.hidden, " wide") : std::string(), "); ",
             base.model.empty() ? std::string("this model") : base.model, " has ",
             layers_text(base.num_layers), ", ", base.hidden_size, " wide");
}

}  // namespace una::model
