#include "una/kernels/qk_norm.h"

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

struct Shape {
  std::int64_t tokens, heads, kv, dim;
};

constexpr NormKind kKinds[] = {NormKind::kRounded, NormKind::kWide, NormKind::kPlusOne};

Tensors inputs_of(const Shape& s, bool whole) {
  const std::int64_t q = whole ? s.heads * s.dim : s.dim, k = whole ? s.kv * s.dim : s.dim;
  return {random({s.tokens, s.heads + 2 * s.kv, s.dim}, 1), random({q}, 2), random({k}, 3)};
}

void expect_reference(const Shape& s, const QkNormParams& params, at::ScalarType dtype, bool frozen) {
  const auto weights = [](const Tensors& in, std::size_t i) {
    return testing::weight_of(in[i], in[0].scalar_type());
  };
  testing::expect_agreement(
      {[&](const Tensors& in) { return qk_norm(in[0], weights(in, 1), weights(in, 2), params); },
       [&](const Tensors& in) { return reference::qk_norm(in[0], weights(in, 1), weights(in, 2), params); },
       inputs_of(s, params.whole),
       {false, true, true},
       {false, frozen, frozen}},
      dtype);
}

TEST(QkNorm, AgreesWithTheReferenceOverShapesKindsAndDtypes) {
  for (const auto dtype : testing::all_dtypes()) {
    for (const Shape s : {Shape{1, 1, 1, 2}, {17, 4, 2, 6}, {130, 3, 3, 65}, {300, 4, 1, 16}}) {
      for (const NormKind kind : kKinds) {
        for (const bool whole : {false, true}) {
          expect_reference(s, {s.kv, whole, 1e-5, kind}, dtype, false);
        }
      }
      expect_reference(s, {.kv_heads = s.kv}, dtype, true);
    }
  }
}

TEST(QkNorm, GradientsAreTrueByFiniteDifferences) {
  for (const bool whole : {false, true}) {
    for (const NormKind kind : kKinds) {
      const QkNormParams params{2, whole, 1e-3, kind};
      const auto op = [&](const Tensors& in) {
        return qk_norm(in[0], {in[1], in[1]}, {in[2], in[2]}, params);
      };
      testing::expect_true_gradients(op, inputs_of({7, 4, 2, 5}, whole));
    }
  }
}

TEST(QkNorm, LeavesTheValueHeads) {
  const at::Tensor x = random({9, 8, 16}, 1).to(at::kFloat);
  const Weight w{random({16}, 2).to(at::kFloat), {}};
  const at::Tensor y = qk_norm(x, w, w, {.kv_heads = 2});
  EXPECT_TRUE(y.narrow(1, 6, 2).equal(x.narrow(1, 6, 2)));
  EXPECT_FALSE(y.narrow(1, 5, 1).equal(x.narrow(1, 5, 1)));
}

TEST(QkNorm, RefusesWeightsOfAnotherSize) {
  const Weight small{random({16}, 2), {}};
  EXPECT_THROW(qk_norm(random({9, 8, 16}, 1), small, small, {.kv_heads = 2, .whole = true}), InternalError);
  EXPECT_THROW(qk_norm(random({9, 4, 16}, 1), small, small, {.kv_heads = 2}), InternalError);
}

}  // namespace
}  // namespace una::kernels
