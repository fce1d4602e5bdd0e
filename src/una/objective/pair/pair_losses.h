#pragma once

#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/objective/objective.h"

namespace una::objective {

// The inputs of a pair loss for P pairs, each [P] fp64. Delta = sum of (log pi - log pi_ref).
struct Pairs {
  at::Tensor chosen, rejected;  // Delta of each answer; without a reference its log pi
  at::Tensor z;                 // h(chosen) - h(rejected), h by f_divergence_type (reverse_kl: Delta)
  at::Tensor chosen_logp, rejected_logp;      // sums of log pi
  at::Tensor chosen_ref, rejected_ref;        // sums of log pi_ref; undefined without a reference
  at::Tensor chosen_length, rejected_length;  // loss tokens, at least 1
  at::Tensor gap;                             // explicit margin or score gap; 0 where a row has none
};

using PairLoss = at::Tensor (*)(const Pairs&, const ObjectiveOptions&);  // -> [P]

// One value of --loss_type.
struct PairLossEntry {
  const char* name;
  PairLoss loss;
  bool reference = true;        // needs log pi_ref
  bool smoothing = false;       // reads label_smoothing
  bool divergence = false;      // reads z only, so any f-divergence fits
  bool gap = false;             // every row needs a margin or two scores
  double nll = 0;               // weight of the chosen answers' NLL that is part of the method
  bool by_delta = true;         // reads only Delta of the answers, so log_ratio_norm applies
  bool rewrites_order = false;  // sorts the pairs, so row weights cannot apply
};

const std::vector<PairLossEntry>& pair_losses();

// sigmoid.cpp: softplus(v) - (1 - eps) v; its robust form; the loss on log-ratios per token
at::Tensor sigmoid_loss(const Pairs& pairs, const ObjectiveOptions& options);
at::Tensor robust_loss(const Pairs& pairs, const ObjectiveOptions& options);
at::Tensor sigmoid_norm_loss(const Pairs& pairs, const ObjectiveOptions& options);
// squared.cpp
at::Tensor hinge_loss(const Pairs& pairs, const ObjectiveOptions& options);
at::Tensor ipo_loss(const Pairs& pairs, const ObjectiveOptions& options);
at::Tensor ipo_sum_loss(const Pairs& pairs, const ObjectiveOptions& options);
at::Tensor sppo_hard_loss(const Pairs& pairs, const ObjectiveOptions& options);
// exo.cpp
at::Tensor exo_pair_loss(const Pairs& pairs, const ObjectiveOptions& options);
// pointwise.cpp: each answer is scored on its own
at::Tensor nca_pair_loss(const Pairs& pairs, const ObjectiveOptions& options);
at::Tensor bco_pair_loss(const Pairs& pairs, const ObjectiveOptions& options);
at::Tensor apo_zero_loss(const Pairs& pairs, const ObjectiveOptions& options);
at::Tensor apo_down_loss(const Pairs& pairs, const ObjectiveOptions& options);
// aot.cpp
at::Tensor aot_loss(const Pairs& pairs, const ObjectiveOptions& options);
at::Tensor aot_unpaired_loss(const Pairs& pairs, const ObjectiveOptions& options);
// discopop.cpp
at::Tensor discopop_loss(const Pairs& pairs, const ObjectiveOptions& options);
// rpo.cpp: compared with the explicit gap eta (r_w - r_l)
at::Tensor rpo_sq_loss(const Pairs& pairs, const ObjectiveOptions& options);
at::Tensor rpo_bwd_loss(const Pairs& pairs, const ObjectiveOptions& options);
at::Tensor rpo_fwd_loss(const Pairs& pairs, const ObjectiveOptions& options);
// free.cpp: without a reference
at::Tensor simpo_loss(const Pairs& pairs, const ObjectiveOptions& options);
at::Tensor orpo_loss(const Pairs& pairs, const ObjectiveOptions& options);

// f_divergence.cpp: h(Delta), elementwise. InputError for an unknown name.
at::Tensor divergence_score(const at::Tensor& delta, const ObjectiveOptions& options);

}  // namespace una::objective
