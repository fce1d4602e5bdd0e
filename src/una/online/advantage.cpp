#include "una/online/advantage.h"

#include <algorithm>
#include <cmath>

#include "una/base/error.h"

namespace una::online {
namespace {

constexpr double kWhitenEpsilon = 1e-8;
constexpr double kLargestLogRatio = 20;

}  // namespace

Advantages generalized_advantages(const std::vector<double>& rewards, const std::vector<double>& values,
                                  double gamma, double lambda) {
  check(rewards.size() == values.size(), "advantages: one value a reward");
  Advantages out;
  out.advantage.resize(rewards.size());
  out.returns.resize(rewards.size());
  double next_value = 0, next_advantage = 0;
  for (std::size_t t = rewards.size(); t-- > 0;) {
    const double delta = rewards[t] + gamma * next_value - values[t];
    next_advantage = delta + gamma * lambda * next_advantage;
    next_value = values[t];
    out.advantage[t] = next_advantage;
    out.returns[t] = next_advantage + values[t];
  }
  return out;
}

void whiten(std::vector<std::vector<double>>& values, bool keep_mean) {
  double count = 0, sum = 0, squares = 0;
  for (const auto& row : values) {
    for (const double value : row) {
      count += 1;
      sum += value;
    }
  }
  if (count < 2) { return; }
  const double mean = sum / count;
  for (const auto& row : values) {
    for (const double value : row) { squares += (value - mean) * (value - mean); }
  }
  const double scale = 1 / std::sqrt(squares / (count - 1) + kWhitenEpsilon);
  for (auto& row : values) {
    for (double& value : row) { value = (value - mean) * scale + (keep_mean ? mean : 0); }
  }
}

std::vector<double> token_rewards(const std::vector<float>& old_logp, const std::vector<float>& ref_logp,
                                  double score, double beta, KlEstimator estimator) {
  check(old_logp.size() == ref_logp.size() && !old_logp.empty(), "token rewards: log-probs differ in number");
  std::vector<double> rewards;
  for (std::size_t t = 0; t < old_logp.size(); ++t) {
    const double d = static_cast<double>(old_logp[t]) - static_cast<double>(ref_logp[t]);
    const double k3 = std::exp(std::clamp(-d, -kLargestLogRatio, kLargestLogRatio)) - 1 + d;
    rewards.push_back(-beta * (estimator == KlEstimator::kK1 ? d : k3));
  }
  rewards.back() += score;
  return rewards;
}

}  // namespace una::online
