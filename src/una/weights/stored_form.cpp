#include "una/weights/stored_form.h"

#include <map>
#include <utility>

#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/weights/composite.h"

namespace una::weights {
namespace {

// One expert's tensors, by their names; biases where the form has them.
struct ExpertNames {
  std::string gate, up, down, gate_bias, up_bias, down_bias;
  ExpertNames(const PartNames& names, std::int64_t layer, std::int64_t expert) {
    const std::string prefix = names.expert_prefix(layer, expert);
    gate = prefix + names.expert_gate + ".weight", gate_bias = prefix + names.expert_gate + ".bias";
    up = prefix + names.expert_up + ".weight", up_bias = prefix + names.expert_up + ".bias";
    down = prefix + names.expert_down + ".weight", down_bias = prefix + names.expert_down + ".bias";
  }
};

std::string weight_name(const std::string& module) { return module + ".weight"; }

std::string shown(const std::vector<std::int64_t>& shape) {
  std::vector<std::string> sizes;
  for (const std::int64_t size : shape) { sizes.push_back(std::to_string(size)); }
  return join(sizes, ", ");
}

const at::Tensor& fused(const StateDict& weights, const std::string& name,
                        const std::vector<std::int64_t>& shape, const std::string& what) {
  const at::Tensor& found = weights.at(name);
  check_input(found.sizes() == at::IntArrayRef(shape), what, ": ", name,
              " does not fit the configuration, which has ", shape[0], " experts: it must be [", shown(shape),
              "]");
  return found;
}

// Gate and up of one expert, whose rows follow each other or alternate; and the way back.
std::pair<at::Tensor, at::Tensor> parted(const at::Tensor& both, bool interleaved) {
  const std::int64_t rows = both.size(0);
  if (interleaved) { return {both.slice(0, 0, rows, 2), both.slice(0, 1, rows, 2)}; }
  return {both.narrow(0, 0, rows / 2), both.narrow(0, rows / 2, rows / 2)};
}
at::Tensor joined(const at::Tensor& gate, const at::Tensor& up, bool interleaved) {
  return interleaved ? at::stack({gate, up}, 1).flatten(0, 1) : at::cat({gate, up});
}

// The form in which a layer's experts are stored; null: one matrix per expert.
const FusedExperts* form_of(const PartNames& names, const std::string& prefix, const StateDict& weights) {
  for (const FusedExperts& form : names.fused_experts) {
    if (weights.has(prefix + form.gate_up) && weights.has(prefix + form.down)) { return &form; }
  }
  return nullptr;
}

// A layer's experts in a form, taken apart.
class Layer {
 public:
  Layer(const ModelSpec& spec, const PartNames& names, std::int64_t layer, const FusedExperts& form)
      : spec_(spec), names_(names), layer_(layer), form_(form), prefix_(names.layer_prefix(layer)) {}

  void add_parts(const StateDict& from, const std::string& what, StateDict& out) const {
    const std::int64_t experts = spec_.moe.num_experts, inner = spec_.moe.expert_size,
                       hidden = spec_.hidden_size;
    const at::Tensor gate_up =
        rows(fused(from, prefix_ + form_.gate_up, shape(experts, 2 * inner, hidden), what));
    const at::Tensor down = rows(fused(from, prefix_ + form_.down, shape(experts, hidden, inner), what));
    for (std::int64_t e = 0; e < experts; ++e) {
      const ExpertNames expert(names_, layer_, e);
      const auto [gate, up] = parted(gate_up.select(0, e), form_.interleaved);
      out.add(expert.gate, gate);
      out.add(expert.up, up);
      out.add(expert.down, down.select(0, e));
    }
    if (spec_.moe.expert_bias) { add_biases(from, what, out); }
  }

  // The fused tensors, which are not parameters themselves.
  std::vector<std::string> fused_names() const {
    std::vector<std::string> out = {prefix_ + form_.gate_up, prefix_ + form_.down};
    if (spec_.moe.expert_bias) {
      out.push_back(prefix_ + form_.gate_up_bias);
      out.push_back(prefix_ + form_.down_bias);
    }
    return out;
  }

  // The way back: the fused tensors of all experts, and each part's name with that of the tensor that holds it.
  void add_fused(const std::map<std::string, at::Tensor>& parts, std::map<std::string, at::Tensor>& whole,
                 std::map<std::string, std::string>& holder) const {
    std::vector<at::Tensor> gate_up, down, gate_up_bias, down_bias;
    for (std::int64_t e = 0; e < spec_.moe.num_experts; ++e) {
      const ExpertNames expert(names_, layer_, e);
      gate_up.push_back(joined(parts.at(expert.gate), parts.at(expert.up), form_.interleaved));
      down.push_back(parts.at(expert.down));
      holder[expert.gate] = holder[expert.up] = prefix_ + form_.gate_up;
      holder[expert.down] = prefix_ + form_.down;
      if (!spec_.moe.expert_bias) { continue; }
      gate_up_bias.push_back(joined(parts.at(expert.gate_bias), parts.at(expert.up_bias), form_.interleaved));
      down_bias.push_back(parts.at(expert.down_bias));
      holder[expert.gate_bias] = holder[expert.up_bias] = prefix_ + form_.gate_up_bias;
      holder[expert.down_bias] = prefix_ + form_.down_bias;
    }
    whole[prefix_ + form_.gate_up] = rows(at::stack(gate_up));
    whole[prefix_ + form_.down] = rows(at::stack(down));
    if (!spec_.moe.expert_bias) { return; }
    whole[prefix_ + form_.gate_up_bias] = at::stack(gate_up_bias);
    whole[prefix_ + form_.down_bias] = at::stack(down_bias);
  }

 private:
  std::vector<std::int64_t> shape(std::int64_t experts, std::int64_t out, std::int64_t in) const {
    return form_.transposed ? std::vector{experts, in, out} : std::vector{experts, out, in};
  }
  // [E, out, in] of stored tensors, and stored tensors of [E, out, in].
  at::Tensor rows(const at::Tensor& tensor) const {
    return form_.transposed ? tensor.transpose(1, 2) : tensor;
  }

  void add_biases(const StateDict& from, const std::string& what, StateDict& out) const {
    const std::int64_t experts = spec_.moe.num_experts;
    const at::Tensor gate_up =
        fused(from, prefix_ + form_.gate_up_bias, {experts, 2 * spec_.moe.expert_size}, what);
    const at::Tensor down = fused(from, prefix_ + form_.down_bias, {experts, spec_.hidden_size}, what);
    for (std::int64_t e = 0; e < experts; ++e) {
      const ExpertNames expert(names_, layer_, e);
      const auto [gate, up] = parted(gate_up.select(0, e), form_.interleaved);
      out.add(expert.gate_bias, gate);
      out.add(expert.up_bias, up);
      out.add(expert.down_bias, down.select(0, e));
    }
  }

  const ModelSpec& spec_;
  const PartNames& names_;
  std::int64_t layer_;
  const FusedExperts& form_;
  std::string prefix_;
};

// The tensors with one matrix per expert, which are views. A router gets its name in PartNames.
StateDict with_single_experts(const ModelSpec& spec, const PartNames& names, const StateDict& weights,
                              const std::string& what) {
  std::map<std::string, std::string> renamed;  // "": its parts are there instead
  StateDict out;
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) {
    const std::string prefix = names.layer_prefix(layer);
    const FusedExperts* form = spec.is_sparse(layer) ? form_of(names, prefix, weights) : nullptr;
    if (form == nullptr) { continue; }
    const Layer experts(spec, names, layer, *form);
    experts.add_parts(weights, what, out);
    for (const std::string& name : experts.fused_names()) { renamed[name] = ""; }
    renamed[prefix + form->router] = weight_name(prefix + names.router);
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
  const std::map<std::string, at::Tensor> by_name(tensors.begin(), tensors.end());
  std::map<std::string, std::string> holder;
  std::map<std::string, at::Tensor> whole;
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) {
    if (spec.is_sparse(layer)) { Layer(spec, names, layer, form).add_fused(by_name, whole, holder); }
  }
  NamedTensors out;
  for (auto& [name, tensor] : tensors) {
    const auto found = holder.find(name);
    if (found == holder.end()) {
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

StateDict as_parameters(const ModelSpec& spec, const PartNames& names, const StateDict& files,
                        const std::string& what) {
  const StateDict weights = text_tensors(spec, files);
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
