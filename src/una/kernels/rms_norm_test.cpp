#include "una/kernels/rms_norm.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/kernels/reference.h"
#include "una/kernels/testing.h"

namespace una::kernels {
namespace {

using testing::random;
using testing::Tensors;

TEST(RmsNorm, AgreesWithTheReferenceOverShapesAndDtypes) {
  for (const auto dtype : testing::all_dtypes()) {
    for (const auto& [rows, cols] : {std::pair{1, 2}, {2, 3}, {17, 64}, {130, 65}, {300, 576}}) {
      for (const bool frozen : {false, true}) {
        const auto op = [&](const Tensors& in) {
          return rms_norm(in[0], testing::weight_of(in[1], in[0].scalar_type()), 1e-5);
        };
        const auto reference = [&](const Tensors& in) {
          return reference::rms_norm(in[0], testing::weight_of(in[1], in[0].scalar_type()), 1e-5);
        };
        testing::expect_agreement(
            {op, reference, {random({rows, cols}, 1), random({cols}, 2)}, {false, true}, {false, frozen}},
            dtype);
      }
    }
  }
}

TEST(RmsNorm, GradientsAreTrueByFiniteDifferences) {
  testing::expect_true_gradients([](const Tensors& in) { return rms_norm(in[0], {in[1], in[1]}, 1e-3); },
                                 {random({5, 33}, 3), random({33}, 4)});
}

TEST(RmsNorm, WideKindsAgreeWithTheReference) {
  for (const auto dtype : testing::all_dtypes()) {
    for (const NormKind kind : {NormKind::kWide, NormKind::kPlusOne}) {
      for (const auto& [rows, cols] : {std::pair{1, 2}, {17, 64}, {130, 65}}) {
        const auto weight = [](const Tensors& in) { return testing::weight_of(in[1], in[0].scalar_type()); };
        testing::expect_agreement(
            {[&](const Tensors& in) { return rms_norm(in[0], weight(in), 1e-5, kind); },
             [&](const Tensors& in) { return reference::rms_norm(in[0], weight(in), 1e-5, kind); },
             {random({rows, cols}, 1), random({cols}, 2)},
             {false, true}},
            dtype);
      }
    }
  }
}

TEST(RmsNorm, WideKindsHaveTrueGradients) {
  for (const NormKind kind : {NormKind::kWide, NormKind::kPlusOne}) {
    testing::expect_true_gradients(
        [&](const Tensors& in) { return rms_norm(in[0], {in[1], in[1]}, 1e-3, kind); },
        {random({5, 33}, 3), random({33}, 4)});
  }
}

// Gemma's own order: n * (1 + w) in fp32, one rounding. The bits equal the reference's except for ties.
TEST(RmsNorm, WideKindsRoundOnce) {
  const at::Tensor x = random({50, 64}, 5).to(at::kBFloat16), w = random({64}, 6).to(at::kBFloat16);
  for (const NormKind kind : {NormKind::kWide, NormKind::kPlusOne}) {
    const at::Tensor same = rms_norm(x, {w, {}}, 1e-5, kind).eq(reference::rms_norm(x, {w, {}}, 1e-5, kind));
    EXPECT_GT(same.to(at::kDouble).mean().item<double>(), 0.995);
  }
  const at::Tensor twice = rms_norm(x, {w, {}}, 1e-5).eq(rms_norm(x, {w, {}}, 1e-5, NormKind::kWide));
  EXPECT_LT(twice.to(at::kDouble).mean().item<double>(), 0.99);
}

TEST(RmsNorm, FrozenInputStillGivesTheWeightItsGradient) {
  at::Tensor weight = random({8}, 1).to(at::kFloat).set_requires_grad(true);
  rms_norm(random({4, 8}, 2).to(at::kFloat), {weight, weight}, 1e-5).sum().backward();
  EXPECT_TRUE(weight.grad().defined());
}

TEST(RmsNorm, RecordsNothingWithoutGradMode) {
  const at::Tensor x = random({4, 8}, 2).to(at::kFloat).set_requires_grad(true);
  const at::NoGradGuard guard;
  EXPECT_FALSE(rms_norm(x, {random({8}, 1).to(at::kFloat), {}}, 1e-5).requires_grad());
}

TEST(RmsNorm, RoundsTheNormalisedValueBeforeTheProduct) {
  const at::Tensor x = random({50, 64}, 5).to(at::kBFloat16), w = random({64}, 6).to(at::kBFloat16);
  const at::Tensor wanted = reference::rms_norm(x, {w, {}}, 1e-5);
  const at::Tensor same = rms_norm(x, {w, {}}, 1e-5).eq(wanted);
  EXPECT_GT(same.to(at::kDouble).mean().item<double>(), 0.995);  // all but ties of the last bit
}

TEST(RmsNorm, RefusesMixedDtypes) {
  EXPECT_THROW(rms_norm(random({2, 4}, 1).to(at::kFloat), {random({4}, 1), {}}, 1e-5), InternalError);
}

}  // namespace
}  // namespace una::kernels
