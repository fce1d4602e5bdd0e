#pragma once

#include <vector>

namespace una::online {

// Generalised advantage estimation (arXiv 1506.02438) over one answer: delta_t = r_t + gamma V_{t+1} - V_t,
// A_t = delta_t + gamma lambda A_{t+1}, return_t = A_t + V_t (before any whitening). V after the end is 0.
struct Advantages {
  std::vector<double> advantage, returns;
};
Advantages generalized_advantages(const std::vector<double>& rewards, const std::vector<double>& values,
                                  double gamma, double lambda);

// (x - mean) / sqrt(var + 1e-8) with the unbiased variance, over all entries together (TRL's masked_whiten);
// `keep_mean` adds the mean again. Fewer than two entries are left as they are.
void whiten(std::vector<std::vector<double>>& values, bool keep_mean);

// PPO's reward of each token: -beta kl_t with kl_t = k1 (old - ref) or k3, and the score at the last token.
enum class KlEstimator { kK1, kK3 };
std::vector<double> token_rewards(const std::vector<float>& old_logp, const std::vector<float>& ref_logp,
                                  double score, double beta, KlEstimator estimator);

}  // namespace una::online
