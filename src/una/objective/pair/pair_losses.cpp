#include "una/objective/pair/pair_losses.h"

namespace una::objective {

const std::vector<PairLossEntry>& pair_losses() {
  static const std::vector<PairLossEntry> kLosses = {
      {.name = "sigmoid", .loss = sigmoid_loss, .smoothing = true, .divergence = true},
      {.name = "hinge", .loss = hinge_loss, .divergence = true},
      {.name = "ipo", .loss = ipo_loss, .by_delta = false},
      {.name = "ipo_sum", .loss = ipo_sum_loss},
      {.name = "robust", .loss = robust_loss, .smoothing = true, .divergence = true},
      {.name = "exo_pair", .loss = exo_pair_loss, .smoothing = true, .divergence = true},
      {.name = "nca_pair", .loss = nca_pair_loss},
      {.name = "bco_pair", .loss = bco_pair_loss},
      {.name = "sppo_hard", .loss = sppo_hard_loss},
      {.name = "apo_zero", .loss = apo_zero_loss},
      {.name = "apo_down", .loss = apo_down_loss},
      {.name = "aot", .loss = aot_loss, .smoothing = true, .by_delta = false, .rewrites_order = true},
      {.name = "aot_unpaired", .loss = aot_unpaired_loss, .smoothing = true, .rewrites_order = true},
      {.name = "discopop", .loss = discopop_loss, .divergence = true},
      {.name = "sigmoid_norm", .loss = sigmoid_norm_loss, .smoothing = true, .by_delta = false},
      {.name = "rpo_sq", .loss = rpo_sq_loss, .divergence = true, .gap = true},
      {.name = "rpo_bwd", .loss = rpo_bwd_loss, .divergence = true, .gap = true},
      {.name = "rpo_fwd", .loss = rpo_fwd_loss, .divergence = true, .gap = true},
      {.name = "simpo", .loss = simpo_loss, .reference = false, .by_delta = false},
      {.name = "orpo", .loss = orpo_loss, .reference = false, .nll = 1, .by_delta = false},
  };
  return kLosses;
}

std::vector<std::string> pair_loss_names() {
  std::vector<std::string> names;
  for (const PairLossEntry& entry : pair_losses()) { names.emplace_back(entry.name); }
  return names;
}

}  // namespace una::objective
