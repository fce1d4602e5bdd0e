#pragma once

#include <ATen/core/Tensor.h>

namespace una {

// A policy's results for a batch, on the CPU except for the states. Undefined where not wanted.
struct PolicyOutput {
  at::Tensor logp;        // [N] fp32: log pi(target), carries gradients when grad mode is on
  at::Tensor entropy;     // [N] fp32, no gradients
  at::Tensor mean_logit;  // [N] fp32: mean over the vocabulary, no gradients
  at::Tensor greedy;      // [N] bool: the target is the most likely token, no gradients
  at::Tensor score;       // [S] fp32: reward head at each sequence's last token, carries gradients
  // [R, C] compute dtype, on the model's device: final hidden states of `state_rows`, no gradients.
  at::Tensor states;
};

// What to compute.
struct PolicyWants {
  bool logp = true;
  bool statistics = false;  // also entropy, mean_logit, greedy
  bool score = false;       // the reward head; the model must have one
  double temperature = 1;   // divides the logits
  at::Tensor state_rows;  // [R] int64 packed tokens whose hidden states are wanted (value head); or undefined
};

}  // namespace una
