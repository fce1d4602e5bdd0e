#include "una/kernels/layer_norm.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/rsqrt.h>
#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/kernels/testing.h"

namespace una::kernels {
namespace {

using testing::random;
using testing::Tensors;

// The definition, step by step.
at::Tensor by_hand(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, double eps) {
  const at::Tensor in = x.scalar_type() == at::kDouble ? x : x.to(at::kFloat);
  const at::Tensor centred = in - in.mean(-1, true);
  const at::Tensor normal = centred * at::rsqrt(centred.pow(2).mean(-1, true) + eps);
  return (normal * weight.to(in.scalar_type()) + bias.to(in.scalar_type())).to(x.scalar_type());
}

TEST(LayerNorm, AgreesWithTheDefinitionInValuesAndGradients) {
  for (const auto dtype : testing::all_dtypes()) {
    testing::expect_agreement(
        {[](const Tensors& in) { return layer_norm(in[0], {in[1], in[1]}, {in[2], in[2]}, 1e-2); },
         [](const Tensors& in) { return by_hand(in[0], in[1], in[2], 1e-2); },
         {random({7, 24}, 1, 3), random({24}, 2), random({24}, 3)}},
        dtype);
  }
}

TEST(LayerNorm, ABiasIsOptionalAndTheMeanIsTakenOff) {
  const at::Tensor x = random({5, 8}, 1), weight = at::ones_like(random({8}, 2));
  const at::Tensor y = layer_norm(x, {weight, {}}, {}, 1e-5);
  EXPECT_LE(y.mean(-1).abs().max().item<double>(), 1e-9);
  EXPECT_LE(testing::difference(layer_norm(x + 3, {weight, {}}, {}, 1e-5), y), 1e-9);
}

TEST(LayerNorm, RefusesAWeightOfAnotherSize) {
  EXPECT_THROW(layer_norm(random({5, 8}, 1), {random({7}, 2), {}}, {}, 1e-5), InternalError);
}

}  // namespace
}  // namespace una::kernels
