#include "una/kernels/rope.h"

#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/kernels/reference.h"
#include "una/kernels/testing.h"

namespace una::kernels {
namespace {

using testing::random;
using testing::Tensors;

struct Angles {
  at::Tensor cos, sin;
};

Angles angles(std::int64_t rows, std::int64_t half) {
  const at::Tensor a = random({rows, half}, 77, 3);
  return {a.cos().to(at::kFloat), a.sin().to(at::kFloat)};
}

TEST(Rope, AgreesWithTheReferenceOverShapesAndDtypes) {
  struct Shape {
    std::int64_t rows, heads, rotated, dim;
  };
  for (const auto dtype : testing::all_dtypes()) {
    for (const Shape s : {Shape{1, 3, 2, 2}, {17, 5, 4, 6}, {65, 15, 12, 64}, {3, 3, 0, 8}, {3, 3, 3, 130}}) {
      const Angles a = angles(s.rows, s.dim / 2);
      testing::expect_agreement(
          {[&](const Tensors& in) { return rope(in[0], a.cos, a.sin, s.rotated); },
           [&](const Tensors& in) { return reference::rope(in[0], a.cos, a.sin, s.rotated); },
           {random({s.rows, s.heads, s.dim}, 1)}},
          dtype);
    }
  }
}

TEST(Rope, KeepsLengthsAndLeavesValueHeads) {
  const Angles a = angles(9, 32);
  const at::Tensor x = random({9, 5, 64}, 1).to(at::kFloat), y = rope(x, a.cos, a.sin, 4);
  EXPECT_LE(testing::difference(y.norm(2, -1), x.norm(2, -1)), 1e-6);
  EXPECT_TRUE(y.select(1, 4).equal(x.select(1, 4)));
}

TEST(Rope, PartialAnglesTurnTheFirstDimensions) {
  for (const auto dtype : testing::all_dtypes()) {
    for (const std::int64_t half : {0, 1, 5, 16, 32}) {
      const Angles a = angles(9, half);
      testing::expect_agreement({[&](const Tensors& in) { return rope(in[0], a.cos, a.sin, 4); },
                                 [&](const Tensors& in) { return reference::rope(in[0], a.cos, a.sin, 4); },
                                 {random({9, 5, 64}, 1)}},
                                dtype);
    }
  }
  const Angles a = angles(9, 16);
  const at::Tensor x = random({9, 5, 64}, 1), y = rope(x, a.cos, a.sin, 4);
  EXPECT_TRUE(y.narrow(2, 32, 32).equal(x.narrow(2, 32, 32)));
}

TEST(Rope, NeighboursTurnTogether) {
  for (const auto dtype : testing::all_dtypes()) {
    for (const std::int64_t half : {0, 1, 5, 16, 32}) {
      const Angles a = angles(9, half);
      testing::expect_agreement(
          {[&](const Tensors& in) { return rope(in[0], a.cos, a.sin, 4, RopePairs::kNeighbours); },
           [&](const Tensors& in) { return reference::rope(in[0], a.cos, a.sin, 4, RopePairs::kNeighbours); },
           {random({9, 5, 64}, 1)}},
          dtype);
    }
  }
  const Angles a = angles(9, 32);
  const at::Tensor x = random({9, 5, 64}, 1);
  const at::Tensor split = x.view({9, 5, 32, 2}).transpose(2, 3).reshape({9, 5, 64});
  const at::Tensor turned =
      rope(split, a.cos, a.sin, 4).view({9, 5, 2, 32}).transpose(2, 3).reshape({9, 5, 64});
  EXPECT_TRUE(rope(x, a.cos, a.sin, 4, RopePairs::kNeighbours).narrow(1, 0, 4).equal(turned.narrow(1, 0, 4)));
}

TEST(Rope, RefusesAnglesOfAnotherShape) {
  const Angles wide = angles(9, 33), short_of_rows = angles(8, 32);
  EXPECT_THROW(rope(random({9, 5, 64}, 1), wide.cos, wide.sin, 4), InternalError);
  EXPECT_THROW(rope(random({9, 5, 64}, 1), short_of_rows.cos, short_of_rows.sin, 4), InternalError);
}

}  // namespace
}  // namespace una::kernels
