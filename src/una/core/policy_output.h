#pragma once

#include <ATen/core/Tensor.h>

namespace una {

// What a policy says about a batch, on the CPU but for the states. Undefined where it was not asked for.
struct PolicyOutput {
  at::Tensor logp;        // [N] fp32: log pi(target), carries gradients when grad mode is on
  at::Tensor entropy;     // [N] fp32, no gradients
  at::Tensor mean_logit;  // [N] fp32: mean over the vocabulary, no gradients
  at::Tensor greedy;      // [N] bool: the target is the most likely token, no gradients
  at::Tensor score;       // [S] fp32: reward head at each sequence's last token, carries gradients
  at::Tensor
      states;  // [R, C] compute dtype: final hidden states of `state_rows`, no gradients; where the model is
};

// What to compute beside log-probs.
struct PolicyWants {
  bool logp = true;
  bool statistics = false;  // entropy, mean_logit, greedy
  bool score = false;       // the reward head; the model must have one
  double temperature = 1;   // divides the logits
  at::Tensor state_rows;  // [R] int64 packed tokens whose hidden states are wanted (value head); or undefined
};

}  // namespace una
