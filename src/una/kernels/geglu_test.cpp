#include "una/kernels/geglu.h"

#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "una/kernels/reference.h"
#include "una/kernels/testing.h"

namespace una::kernels {
namespace {

using testing::random;
using testing::Tensors;

constexpr Gelu kForms[] = {Gelu::kTanh, Gelu::kExact};

TEST(Geglu, AgreesWithTheReferenceOverShapesAndDtypes) {
  for (const Gelu form : kForms) {
    for (const auto dtype : testing::all_dtypes()) {
      for (const auto& [rows, inner] :
           {std::pair<std::int64_t, std::int64_t>{1, 1}, {3, 17}, {65, 130}, {200, 512}}) {
        testing::expect_agreement({[&](const Tensors& in) { return geglu(in[0], form); },
                                   [&](const Tensors& in) { return reference::geglu(in[0], form); },
                                   {random({rows, 2 * inner}, 1, 3)}},
                                  dtype);
      }
    }
  }
}

TEST(Geglu, GradientsAreTrueByFiniteDifferences) {
  for (const Gelu form : kForms) {
    testing::expect_true_gradients([&](const Tensors& in) { return geglu(in[0], form); },
                                   {random({5, 14}, 3)});
  }
}

TEST(Geglu, TheTwoFormsDiffer) {
  const at::Tensor x = random({5, 14}, 3);
  const double gap = testing::difference(geglu(x, Gelu::kTanh), geglu(x, Gelu::kExact));
  EXPECT_GT(gap, 1e-6);
  EXPECT_LT(gap, 1e-2);
}

TEST(Geglu, StaysFiniteForHugeGates) {
  for (const Gelu form : kForms) {
    at::Tensor x = random({2, 8}, 1, 1e4).to(at::kFloat).set_requires_grad(true);
    const at::Tensor y = geglu(x, form);
    y.sum().backward();
    EXPECT_TRUE(y.isfinite().all().item<bool>());
    EXPECT_TRUE(x.grad().isfinite().all().item<bool>());
  }
}

}  // namespace
}  // namespace una::kernels
