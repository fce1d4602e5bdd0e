#include "una/weights/stored_form.h"

#include <map>
#include <utility>

#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>

#include "una/base/error.h"
#include "una/base/format.h"

namespace una::weights {
namespace {

const at::Tensor& fused(const StateDict& weights, const std::string& name,
                        const std::vector<std::int64_t>& shape, const std::string& what) {
  const at::Tensor& found = weights.at(name);
  check_input(found.sizes() == at::IntArrayRef(shape), what, ": ", name,
              " does not fit the configuration, which has ", shape[0], " experts: it must be [", shape[0],
              ", ", shape[1], ", ", shape[2], "]");
  return found;
}

std::string gate_name(const PartNames& names, std::int64_t layer, std::int64_t expert) {
  return cat(names.expert_prefix(layer, expert), names.expert_gate, ".weight");
}
std::string up_name(const PartNames& names, std::int64_t layer, std::int64_t expert) {
  return cat(names.expert_prefix(layer, expert), names.expert_up, ".weight");
}
std::string down_name(const PartNames& names, std::int64_t layer, std::int64_t expert) {
  return cat(names.expert_prefix(layer, expert), names.expert_down, ".weight");
}
std::string router_name(const PartNames& names, std::int64_t layer) {
  return cat(names.layer_prefix(layer), names.router, ".weight");
}

// The form in which a layer's experts are stored; null: one matrix per expert.
const FusedExperts* form_of(const PartNames& names, const std::string& prefix, const StateDict& weights) {
  for (const FusedExperts& form : names.fused_experts) {
    if (weights.has(prefix + form.gate_up) && weights.has(prefix + form.down)) { return &form; }
  }
  return nullptr;
}

void add_experts(const ModelSpec& spec, const PartNames& names, std::int64_t layer, const at::Tensor& gate_up,
                 const at::Tensor& down, StateDict& out) {
  const std::int64_t inner = spec.moe.expert_size;
  for (std::int64_t e = 0; e < spec.moe.num_experts; ++e) {
    const at::Tensor both = gate_up.select(0, e);
    out.add(gate_name(names, layer, e), both.narrow(0, 0, inner));
    out.add(up_name(names, layer, e), both.narrow(0, inner, inner));
    out.add(down_name(names, layer, e), down.select(0, e));
  }
}

std::string weight_name(const std::string& module) { return module + ".weight"; }

// The tensors with one matrix per expert, which are views. A router gets its name in PartNames.
StateDict with_single_experts(const ModelSpec& spec, const PartNames& names, const StateDict& weights,
                              const std::string& what) {
  const std::int64_t experts = spec.moe.num_experts, inner = spec.moe.expert_size, hidden = spec.hidden_size;
  std::map<std::string, std::string> renamed;  // "": its parts are there instead
  StateDict out;
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) {
    const std::string prefix = names.layer_prefix(layer);
    const FusedExperts* form = spec.is_sparse(layer) ? form_of(names, prefix, weights) : nullptr;
    if (form == nullptr) { continue; }
    const at::Tensor& gate_up = fused(weights, prefix + form->gate_up, {experts, 2 * inner, hidden}, what);
    add_experts(spec, names, layer, gate_up,
                fused(weights, prefix + form->down, {experts, hidden, inner}, what), out);
    renamed[prefix + form->gate_up] = renamed[prefix + form->down] = "";
    renamed[prefix + form->router] = router_name(names, layer);
  }
  if (renamed.empty()) { return weights; }
  for (const auto& [name, tensor] : weights.all()) {
    const auto found = renamed.find(name);
    if (found == renamed.end()) { out.add(name, tensor); }
    if (found != renamed.end() && !found->second.empty()) { out.add(found->second, tensor); }
  }
  out.add_files_of(weights);
  return out;
}

// The way back: all experts of a layer take the place of the first one's tensors.
NamedTensors with_stored_experts(const ModelSpec& spec, const PartNames& names, NamedTensors tensors) {
  if (spec.moe.num_experts == 0 || names.stored_experts < 0) { return tensors; }
  const FusedExperts& form = names.fused_experts[static_cast<std::size_t>(names.stored_experts)];
  std::map<std::string, at::Tensor> by_name(tensors.begin(), tensors.end());
  std::map<std::string, std::string> fused_into;  // an expert's tensor -> the one that holds it
  std::map<std::string, at::Tensor> whole;
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) {
    if (!spec.is_sparse(layer)) { continue; }
    const std::string prefix = names.layer_prefix(layer);
    std::vector<at::Tensor> gate_up, down;
    for (std::int64_t e = 0; e < spec.moe.num_experts; ++e) {
      const std::string gate = gate_name(names, layer, e), up = up_name(names, layer, e);
      gate_up.push_back(at::cat({by_name.at(gate), by_name.at(up)}));
      down.push_back(by_name.at(down_name(names, layer, e)));
      fused_into[gate] = fused_into[up] = prefix + form.gate_up;
      fused_into[down_name(names, layer, e)] = prefix + form.down;
    }
    whole[prefix + form.gate_up] = at::stack(gate_up);
    whole[prefix + form.down] = at::stack(down);
  }
  NamedTensors out;
  for (auto& [name, tensor] : tensors) {
    const auto found = fused_into.find(name);
    if (found == fused_into.end()) {
      out.emplace_back(name, tensor);
      continue;
    }
    const auto part = whole.find(found->second);
    if (part == whole.end()) { continue; }  // written with an earlier expert
    out.emplace_back(part->first, part->second);
    whole.erase(part);
  }
  return out;
}

}  // namespace

StateDict as_parameters(const ModelSpec& spec, const PartNames& names, const StateDict& weights,
                        const std::string& what) {
  const std::string stored = weight_name(names.stored_head);
  if (names.stored_head.empty() || !weights.has(stored)) {
    return with_single_experts(spec, names, weights, what);
  }
  StateDict renamed = weights.renamed(
      [&](const std::string& name) { return name == stored ? weight_name(names.head) : name; });
  renamed.add_files_of(weights);
  return with_single_experts(spec, names, renamed, what);
}

NamedTensors as_stored(const ModelSpec& spec, const PartNames& names, NamedTensors tensors) {
  NamedTensors out = with_stored_experts(spec, names, std::move(tensors));
  if (names.stored_head.empty()) { return out; }
  for (auto& [name, tensor] : out) {
    if (name == weight_name(names.head)) { name = weight_name(names.stored_head); }
  }
  return out;
}

}  // namespace una::weights
