#include "una/kernels/swiglu.h"

#include <array>
#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "una/kernels/reference.h"
#include "una/kernels/testing.h"

namespace una::kernels {
namespace {

using testing::random;
using testing::Tensors;

TEST(Swiglu, AgreesWithTheReferenceOverShapesAndDtypes) {
  for (const auto dtype : testing::all_dtypes()) {
    for (const auto& [rows, inner] :
         {std::pair<std::int64_t, std::int64_t>{1, 1}, {3, 17}, {65, 130}, {200, 512}}) {
      testing::expect_agreement({[](const Tensors& in) { return swiglu(in[0]); },
                                 [](const Tensors& in) { return reference::swiglu(in[0]); },
                                 {random({rows, 2 * inner}, 1, 3)}},
                                dtype);
    }
  }
}

TEST(Swiglu, GradientsAreTrueByFiniteDifferences) {
  testing::expect_true_gradients([](const Tensors& in) { return swiglu(in[0]); }, {random({5, 14}, 3)});
}

// Values of deviation 3 on both sides of the limit of 2.
TEST(Swiglu, TheClampedFormAgreesWithTheReferenceBeyondTheClampToo) {
  for (const auto dtype : testing::all_dtypes()) {
    for (const auto& [rows, inner] :
         {std::pair<std::int64_t, std::int64_t>{1, 1}, {3, 17}, {65, 130}, {200, 512}}) {
      testing::expect_agreement({[](const Tensors& in) { return clamped_swiglu(in[0], 1.702, 2); },
                                 [](const Tensors& in) { return reference::clamped_swiglu(in[0], 1.702, 2); },
                                 {random({rows, 2 * inner}, 1, 3)}},
                                dtype);
    }
  }
}

TEST(Swiglu, TheClampedFormByHand) {
  const auto one = [](double gate, double up) {
    at::Tensor x = at::tensor({gate, up}, at::kDouble).view({1, 2}).set_requires_grad(true);
    const at::Tensor y = clamped_swiglu(x, 1.702, 7);
    y.sum().backward();
    return std::array<double, 3>{y.item<double>(), x.grad()[0][0].item<double>(),
                                 x.grad()[0][1].item<double>()};
  };
  const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  EXPECT_NEAR(one(2, 3)[0], 2 * sigmoid(1.702 * 2) * 4, 1e-12);
  EXPECT_NEAR(one(9, -8)[0], 7 * sigmoid(1.702 * 7) * -6, 1e-9);
  EXPECT_EQ(one(9, 3)[1], 0) << "a clamped gate";
  EXPECT_NE(one(9, 3)[2], 0);
  EXPECT_NE(one(-9, 3)[1], 0) << "the gate has no lower clamp";
  EXPECT_EQ(one(2, 8)[2], 0) << "up is clamped on both sides";
  EXPECT_EQ(one(2, -8)[2], 0);
  EXPECT_NE(one(7, -7)[1], 0) << "the limit itself is inside";
  EXPECT_NE(one(7, -7)[2], 0);
}

TEST(Swiglu, TheClampedFormsGradientsAreTrueByFiniteDifferences) {
  testing::expect_true_gradients([](const Tensors& in) { return clamped_swiglu(in[0], 1.3, 1.01); },
                                 {random({5, 14}, 3)});
}

TEST(Swiglu, StaysFiniteForHugeGates) {
  at::Tensor x = random({2, 8}, 1, 1e4).to(at::kFloat).set_requires_grad(true);
  const at::Tensor y = swiglu(x);
  y.sum().backward();
  EXPECT_TRUE(y.isfinite().all().item<bool>());
  EXPECT_TRUE(x.grad().isfinite().all().item<bool>());
}

}  // namespace
}  // namespace una::kernels
