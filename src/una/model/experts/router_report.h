#pragma once

#include <ATen/core/Tensor.h>

namespace una::model {

// What the routers of a mixture of experts did in one forward pass, and the load-balancing loss over its T tokens and L
// sparse layers: E sum_e f_e P_e, where f_e counts how often e was chosen, P_e sums its probabilities, and both are
// divided by T L (arXiv:2101.03961, equations 4 to 6, as transformers' load_balancing_loss_func has it: f and P are
// means over all layers). A prompt that answers share counts once.
struct RouterReport {
  double aux_weight = 0;  // the caller's: this times the loss is part of what the backward differentiates
  at::Tensor tokens;      // [L, E] fp64 on the CPU: how often each expert was chosen, by layer
  double aux_loss = 0;
};

}  // namespace una::model
