#include "una/kernels/swiglu.h"

#include <ATen/TensorOperators.h>
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

TEST(Swiglu, StaysFiniteForHugeGates) {
  at::Tensor x = random({2, 8}, 1, 1e4).to(at::kFloat).set_requires_grad(true);
  const at::Tensor y = swiglu(x);
  y.sum().backward();
  EXPECT_TRUE(y.isfinite().all().item<bool>());
  EXPECT_TRUE(x.grad().isfinite().all().item<bool>());
}

}  // namespace
}  // namespace una::kernels
