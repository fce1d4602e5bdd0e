#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace una::run {

// Judged answers before the first step, with what the policy could make of them: kernel[i][j] is the inner product
// of the gradients of log pi of the answers i and j, so the fits below are those of the policy to first order.
struct JudgedAnswers {
  at::Tensor kernel;                  // [n, n] fp64, on the CPU
  std::vector<double> rewards;        // [n], in the unit of beta Delta
  std::vector<std::int64_t> prompts;  // [n], equal for answers to one prompt
};

// What choose_ratio found.
struct RatioChoice {
  double ratio = 0;      // tau^2 / sigma^2
  bool by_loss = false;  // false: the ratio is that of the variances, which the loss does not speak against
  double moments_ratio = 0;             // that of the variances of the rewards
  std::vector<double> lambdas, losses;  // tried for two answers, and their held-out losses
  double zero_loss = 0;                 // of predicting no difference between answers
  std::string text() const;             // one line for the log
};

// tau^2 / sigma^2: that of the variances of the rewards, unless a loss inside prompts that were not fitted speaks against
// it: mean (r - mean r - (g - mean g))^2 over the answers of held-out prompts, g a ridge fit of the kernel under a
// lambda, the ridge chosen with it, four folds by prompt. This loss contains no offset, so it judges a lambda whatever
// made the answers: where offsets go along with the sampler the variances shrink too much. The lambda of the least loss
// counts where that loss is below the loss of the variances' lambda by more than its standard error over prompts.
// Deterministic. InternalError on fewer than two prompts.
RatioChoice choose_ratio(const JudgedAnswers& answers);

}  // namespace una::run
