#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "una/kernels/packed/expand.h"
#include "una/kernels/sums.h"
#include "una/model/lora.h"
#include "una/model/parameter.h"

namespace una::model {

// How one call adapts the linears and sums their products; a null adapter is the base.
struct AdapterUse {
  const Adapter* adapter = nullptr;
  bool dropout = false;
  std::uint64_t dropout_key = 0;
  kernels::Sums sums = kernels::Sums::kFast;

  // The call's version of a parameter of the base.
  const Parameter& parameter(const Parameter* base) const {
    return adapter != nullptr ? adapter->version_of(base) : *base;
  }
};

// The linears that share an input (q, k, v; gate, up), stacked by rows into one product. The parts keep their
// Hugging Face names; frozen parts become row views of the stacked weight.
class StackedLinear {
 public:
  // One of the linears; its parameters are the model's and outlive this.
  struct Part {
    std::size_t id = 0;  // index of the linear in the model's list
    Parameter* weight = nullptr;
    Parameter* bias = nullptr;  // all parts have one or none has
    std::uint64_t dropout_stream = 0;
  };
  // `scratch` is where quantised weights are expanded; all parts are quantised or none is.
  StackedLinear(std::vector<Part> parts, std::shared_ptr<kernels::Scratch> scratch);
  // x [T, in] -> [T, sum out].
  at::Tensor forward(const at::Tensor& x, const AdapterUse& use,
                     const kernels::InputOrigin& origin = {}) const;

 private:
  at::Tensor bias_of(const AdapterUse& use) const;  // stacked; undefined: no bias
  kernels::LinearWeight weight() const;

  std::vector<Part> parts_;
  at::Tensor weight_, bias_;  // stacked, compute dtype; undefined where a lone master is the value
  std::optional<kernels::LinearWeight> packed_;  // instead of weight_, of a quantised base
};

}  // namespace una::model
