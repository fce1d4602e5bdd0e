#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/kernels/lora_linear.h"
#include "una/kernels/weight.h"

// The sparse MLP of a mixture of experts over packed tokens. T tokens, K experts per token, C hidden, I an
// expert's inner size.
namespace una::kernels {

// One expert: down(act(gate x, up x)). All weights are in x's dtype.
struct Expert {
  at::Tensor gate_up;                 // [2 I, C]: the rows of gate, then those of up
  at::Tensor gate_master, up_master;  // [I, C] fp32 (fp64) where they train, else undefined
  Weight down;                        // [C, I]
  // Biases of the three; undefined: none.
  at::Tensor gate_up_bias;                      // [2 I]
  at::Tensor gate_bias_master, up_bias_master;  // [I] where they train
  Weight down_bias;                             // [C]
};

// LoRA on one parameter of all E experts, as PEFT stores it: y += scale (x A_e^T) B_e^T, where A_e are rows [e r, e r + r)
// of a, and B_e are the columns e, e + E, e + 2 E, ... of b.
struct ExpertLora {
  Weight a;  // [E r, in]
  Weight b;  // [out, r E]
  double scale = 1;
  bool interleaved = false;  // of gate and up: the rows of b alternate between them
};

// All experts of a layer.
struct Experts {
  std::vector<Expert> each;
  std::optional<ExpertLora> gate_up_lora, down_lora;
};

// The experts that a router chose.
struct Choice {
  at::Tensor experts;  // [T, K] int64 on the CPU, no expert twice in a row
  at::Tensor weights;  // [T, K] fp32 (fp64), on x's device
};

// The K most likely experts of each row of logits [T, E] fp32 (fp64), and their probabilities. The softmax is over all
// E; with `normed` over the chosen K alone. Gradient: logits.
Choice choose_experts(const at::Tensor& logits, std::int64_t count, bool normed);

// [n, 2 I] -> [n, I], differentiable, row by row.
using Activation = std::function<at::Tensor(const at::Tensor& gate_up)>;

// y [T, C] = sum over a token's choices of weight * expert(x). The rows of one expert are gathered and multiplied
// together, one product per weight and without padding; experts without a token cost nothing. Products are in x's dtype
// (fp32|bf16), the sum over experts is in fp32 and rounded once, in the order of the experts' numbers, so that equal
// calls give equal bits. Gradients: x, choice.weights, the masters of the experts that a token chose, and those of LoRA; a
// frozen weight's gradient is never computed, and that of an expert without a token stays undefined. Saves gate_up [T K, 2 I],
// and x or its origin where a weight trains.
at::Tensor mix_experts(const at::Tensor& x, const Choice& choice, const Experts& experts,
                       const Activation& activation, const InputOrigin& origin = {});

}  // namespace una::kernels
