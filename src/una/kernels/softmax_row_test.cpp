#include "una/kernels/softmax_row.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/softmax.h>
#include <gtest/gtest.h>

#include "una/kernels/testing.h"

namespace una::kernels {
namespace {

TEST(SoftmaxRow, SharesAreTheProbabilities) {
  for (const std::int64_t count : {1, 7, 256, 1000, 49152}) {
    for (const double scale : {1.0, 0.3, 4.0}) {
      const at::Tensor row = testing::random({count}, 3, 5).to(at::kFloat);
      const at::Tensor wanted = at::softmax(row.to(at::kDouble) * scale, 0);
      const double* shares = wanted.const_data_ptr<double>();
      const double near = 2e-6 * *std::max_element(shares, shares + count);
      std::vector<float> weights(static_cast<std::size_t>(count));
      const float* logits = row.const_data_ptr<float>();
      const SoftmaxRow got = softmax_row(logits, weights.data(), count, static_cast<float>(scale));
      EXPECT_EQ(got.top, row.max().item<float>());
      EXPECT_EQ(*std::max_element(weights.begin(), weights.end()), 1.0F) << "no row overflows";
      double sum = 0;
      for (std::int64_t i = 0; i < count; ++i) {
        const double weight = weights[static_cast<std::size_t>(i)];
        sum += weight;
        EXPECT_NEAR(weight / got.total, shares[i], near);
      }
      EXPECT_NEAR(sum / got.total, 1, 1e-6);
      const SoftmaxRow alone = softmax_row(logits, nullptr, count, static_cast<float>(scale));
      EXPECT_EQ(alone.total, got.total);
    }
  }
}

TEST(SoftmaxRow, BrokenLogitsAreSeen) {
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    std::vector<float> logits(300, 0.5F);
    logits[270] = bad;
    EXPECT_FALSE(std::isfinite(softmax_row(logits.data(), nullptr, 300, 1).total)) << bad;
  }
}

}  // namespace
}  // namespace una::kernels
