#include "una/study/gradient_noise.h"

#include <cmath>

#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

namespace una::study {
namespace {

GradientNoise noise_of(const std::vector<double>& mean) {
  return {.name = "n", .draws = 4, .norm = 2, .noise = 8, .mean = at::tensor(mean, at::kDouble)};
}

TEST(GradientNoise, RelativeIsNoiseOverTheSquaredSignal) {
  EXPECT_DOUBLE_EQ(noise_of({1, 0}).relative(), 2);
  GradientNoise drowned = noise_of({1, 0});
  drowned.norm = 0;
  EXPECT_TRUE(std::isinf(drowned.relative()));
}

TEST(GradientNoise, CosineComparesDirections) {
  EXPECT_NEAR(cosine(noise_of({1, 1}), noise_of({3, 3})), 1, 1e-12);
  EXPECT_NEAR(cosine(noise_of({1, 0}), noise_of({0, 2})), 0, 1e-12);
  EXPECT_EQ(cosine(noise_of({0, 0}), noise_of({1, 2})), 0);
}

}  // namespace
}  // namespace una::study
