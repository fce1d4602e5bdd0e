#pragma once

#include <initializer_list>
#include <optional>
#include <utility>

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include "una/kernels/weight.h"

// What the ops' autograd Functions share. For this room's sources only.
namespace una::kernels::detail {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// A value that a Function's context can hold.
template <class T>
struct Kept : torch::CustomClassHolder {
  explicit Kept(T v) : value(std::move(v)) {}
  T value;
};

// Hands a plain struct from forward to backward.
template <class T>
void keep(AutogradContext* ctx, T value) {
  ctx->saved_data["kept"] = at::IValue::make_capsule(c10::make_intrusive<Kept<T>>(std::move(value)));
}
template <class T>
const T& kept(AutogradContext* ctx) {
  return static_cast<const Kept<T>*>(ctx->saved_data.at("kept").toCapsule().get())->value;
}

inline bool wants_grad(const at::Tensor& tensor) { return tensor.defined() && tensor.requires_grad(); }

// Whether an op must record history: grad mode is on and an input requires a gradient.
inline bool records(std::initializer_list<at::Tensor> inputs) {
  if (!at::GradMode::is_enabled()) { return false; }
  for (const at::Tensor& input : inputs) {
    if (wants_grad(input)) { return true; }
  }
  return false;
}

// The Function input that collects a weight's gradient; none for a frozen weight.
inline std::optional<at::Tensor> master_of(const Weight& weight) {
  return weight.trains() ? std::optional<at::Tensor>(weight.master) : std::nullopt;
}

}  // namespace una::kernels::detail
