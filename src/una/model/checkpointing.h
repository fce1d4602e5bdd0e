#pragma once

#include <functional>
#include <vector>

#include <ATen/core/Tensor.h>

namespace una::model {

// Hidden states [T, C] in, hidden states [T, C] out.
using LayerFunction = std::function<at::Tensor(const at::Tensor&)>;

// layer(x) that stores only x: the layer runs without history now, and again with history in the backward,
// where its parameters' gradients are accumulated. The result requires grad whether or not x does (adapters
// above a frozen embedding). `layer` must be a pure function of x and of leaf tensors; it lives until the
// backward. Grad mode must be on.
at::Tensor checkpointed(LayerFunction layer, const at::Tensor& x);

// The same for a layer with several inputs and results. Inputs may be undefined, results not.
using LayersFunction = std::function<std::vector<at::Tensor>(const std::vector<at::Tensor>&)>;
std::vector<at::Tensor> checkpointed(LayersFunction layer, const std::vector<at::Tensor>& inputs);

}  // namespace una::model
