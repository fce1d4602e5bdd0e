#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include "una/model/model.h"
#include "una/weights/safetensors.h"

namespace una::model {

inline constexpr const char* kValueHeadFile = "value_head.safetensors";

// V(x) = w . h + b of the policy's final hidden state h at a prompt's last token. The states come without
// history, so V never changes the policy. Arithmetic and masters are fp32 (fp64 for an fp64 model), on
// `device`, where the states must be.
class ValueHead {
 public:
  // w starts at 0, so that at first V(x) = bias for every prompt.
  ValueHead(std::int64_t hidden_size, double bias, at::ScalarType compute, at::Device device = at::kCPU);

  // [R, C] of any dtype -> [R] on the CPU; differentiable in w and b.
  at::Tensor values(const at::Tensor& states) const;
  std::vector<TrainableTensor> trainable() const;
  std::vector<std::pair<std::string, at::Tensor>> tensors() const;  // named as in kValueHeadFile
  // InputError naming `what` when a tensor is missing or of another shape.
  void load(const weights::StateDict& state, const std::string& what);

 private:
  at::Tensor weight_, bias_;  // [1, C], [1]
};

}  // namespace una::model
