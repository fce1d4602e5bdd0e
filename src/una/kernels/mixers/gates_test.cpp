#include "una/kernels/mixers/gates.h"

#include <cmath>

#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "una/kernels/testing.h"

namespace una::kernels {
namespace {

using testing::random;
using testing::Tensors;
using testing::weight_of;

TEST(Gates, ANormIsRoundedThenWeighedThenGated) {
  const at::Tensor x = random({3, 5}, 1).to(at::kDouble), gate = random({3, 5}, 2).to(at::kDouble);
  const at::Tensor weight = random({5}, 3).to(at::kDouble);
  const at::Tensor got = gated_rms_norm(x, gate, {weight, {}}, 0.1);
  for (std::int64_t i = 0; i < 3; ++i) {
    double squares = 0;
    for (std::int64_t d = 0; d < 5; ++d) { squares += std::pow(x[i][d].item<double>(), 2); }
    for (std::int64_t d = 0; d < 5; ++d) {
      const double g = gate[i][d].item<double>();
      const double wanted = x[i][d].item<double>() / std::sqrt(squares / 5 + 0.1) * weight[d].item<double>() *
                            g / (1 + std::exp(-g));
      EXPECT_NEAR(got[i][d].item<double>(), wanted, 1e-12);
    }
  }
  // In bf16 the normed value has bf16's bits before it is weighed: weights of 1 and large gates give it back.
  const at::Tensor low = x.to(at::kBFloat16), open = at::full({3, 5}, 64.0, at::kBFloat16);
  const at::Tensor ones = at::full({5}, 1.0, at::kBFloat16);
  const at::Tensor wide = low.to(at::kFloat);
  const at::Tensor normed = wide * (wide.square().mean(-1, true) + 0.1).rsqrt();
  EXPECT_TRUE(gated_rms_norm(low, open, {ones, {}}, 0.1).equal(normed.to(at::kBFloat16) * 64));
}

TEST(Gates, GradientsAreTrueByFiniteDifferences) {
  const Tensors inputs = {random({4, 6}, 1), random({4, 6}, 2), random({6}, 3)};
  testing::expect_true_gradients(
      [](const Tensors& in) { return gated_rms_norm(in[0], in[1], {in[2], in[2]}, 1e-3); }, inputs);
  testing::expect_true_gradients([](const Tensors& in) { return sigmoid_gated(in[0], in[1]); },
                                 {inputs[0], inputs[1]});
}

TEST(Gates, AFrozenWeightTakesNoGradient) {
  const at::Tensor x = random({2, 4}, 1).to(at::kFloat).requires_grad_();
  const at::Tensor weight = random({4}, 3).to(at::kFloat);
  gated_rms_norm(x, random({2, 4}, 2).to(at::kFloat), {weight, {}}, 1e-6).sum().backward();
  EXPECT_TRUE(x.grad().defined() && !weight.grad().defined());
}

}  // namespace
}  // namespace una::kernels
