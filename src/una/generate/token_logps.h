#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/kernels/softmax_row.h"

namespace una::generate {

// An id that could have come, with its log-prob.
struct TopLogp {
  std::int32_t id = 0;
  float logp = 0;
};

// What is known of one token of a prompt or an answer, under the unmodified distribution.
struct TokenLogps {
  float logp = std::numeric_limits<float>::quiet_NaN();  // NaN: nothing precedes the token
  std::int32_t rank = 0;                                 // 1: the likeliest; 0: nothing precedes the token
  std::vector<TopLogp> top = {};  // the k likeliest ids, likeliest first, the lower id first among equals
};

inline constexpr std::int64_t kMostTop = 20;  // the largest k

// The log-prob of a logit in its row. Sampled, prompt and top log-probs all come from here, so those of one
// token in one row are equal bit for bit.
inline double log_prob(float logit, const kernels::SoftmaxRow& row) {
  return logit - row.top - std::log(row.total);
}

void check_logp(double logp);  // InputError where it is not finite

// Row i of logits [N, V] fp32 (CPU): the log-prob of targets[i] and the k likeliest ids. InputError where a
// target's log-prob is not finite.
std::vector<TokenLogps> token_logps(const at::Tensor& logits, std::span<const std::int32_t> targets,
                                    std::int64_t k);

}  // namespace una::generate
