#include "una/model/value_head.h"

#include <ATen/ops/full.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/model/parameter.h"

namespace una::model {

ValueHead::ValueHead(std::int64_t hidden_size, double bias, at::ScalarType compute, at::Device device) {
  const auto options = at::TensorOptions().dtype(master_dtype(compute)).device(device);
  weight_ = at::zeros({1, hidden_size}, options).requires_grad_();
  bias_ = at::full({1}, bias, options).requires_grad_();
}

at::Tensor ValueHead::values(const at::Tensor& states) const {
  return at::linear(states.detach().to(weight_.scalar_type()), weight_, bias_).squeeze(-1).cpu();
}

std::vector<TrainableTensor> ValueHead::trainable() const {
  return {{.name = "value_head.weight", .master = weight_},
          {.name = "value_head.bias", .master = bias_, .decay = false}};
}

std::vector<std::pair<std::string, at::Tensor>> ValueHead::tensors() const {
  return {{"value_head.weight", weight_.detach()}, {"value_head.bias", bias_.detach()}};
}

void ValueHead::load(const weights::StateDict& state, const std::string& what) {
  const c10::AutoGradMode no_grad(false);
  for (auto& [name, own] : tensors()) {
    check_input(state.has(name) && state.at(name).sizes() == own.sizes(), what, ": ", name,
                " is missing or of another shape than this model's value head");
    at::Tensor target = own;
    target.copy_(state.at(name));
  }
}

}  // namespace una::model
