#pragma once

#include <vector>

#include "una/core/sequence.h"
#include "una/model/model.h"

namespace una::eval {

struct PolicyUse {
  model::Model* model = nullptr;
  model::AdapterId adapter = model::kNoAdapter;
};

// Sum over the sequences of log pi(y) - log pi_ref(y) on their loss tokens, in nats. Over own samples at
// temperature 1 its mean is an unbiased estimate of KL(pi || ref) of an answer.
double total_log_ratio(const PolicyUse& policy, const PolicyUse& reference,
                       const std::vector<Sequence>& sequences);

}  // namespace una::eval
