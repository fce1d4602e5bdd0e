#pragma once

#include <functional>

#include <ATen/core/Tensor.h>

namespace una::model {

using LayerFunction = std::function<at::Tensor(const at::Tensor&)>;

// layer(x) that keeps x alone: the layer runs without history now and again, with it, in the backward, where
// its parameters' gradients are accumulated. The result requires grad whether or not x does (a frozen
// embedding below adapters). `layer` must be a pure function of x and of leaf tensors; it is kept until the
// backward. Call it with grad mode on.
at::Tensor checkpointed(LayerFunction layer, const at::Tensor& x);

}  // namespace una::model
