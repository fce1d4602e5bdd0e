#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/core/packed_batch.h"
#include "una/core/sequence.h"
#include "una/model/model.h"

// The one comparison of a policy with its reference: una score, implicit rewards, KL estimates and the check at step
// 0 read these numbers.
namespace una::eval {

// A model and one of its adapters, or none.
struct PolicyUse {
  model::Model* model = nullptr;
  model::AdapterId adapter = model::kNoAdapter;
};

// Log-probs of one answer's loss tokens, in nats.
struct AnswerLogp {
  double policy = 0, reference = 0;  // sums over the tokens
  double ratio = 0;                  // sum of the tokens' differences: log pi(y) - log pi_ref(y)
  std::int64_t tokens = 0;
};

// [N] fp64, one per wanted token of the batch; without gradient.
at::Tensor token_logps(const PolicyUse& policy, const PackedBatch& batch);

// Per answer, in the order of batch.sequences, of two results of token_logps.
std::vector<AnswerLogp> answer_logps(const at::Tensor& policy, const at::Tensor& reference,
                                     const PackedBatch& batch);
std::vector<AnswerLogp> answer_logps(const PolicyUse& policy, const PolicyUse& reference,
                                     const PackedBatch& batch);

// Sum of log pi(y) - log pi_ref(y) over the sequences' loss tokens, in nats. Over own samples at temperature 1 its
// mean is an unbiased estimate of KL(pi || ref) per answer.
double total_log_ratio(const PolicyUse& policy, const PolicyUse& reference,
                       const std::vector<Sequence>& sequences);

}  // namespace una::eval
