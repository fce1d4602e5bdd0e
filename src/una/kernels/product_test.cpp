#include "una/kernels/product.h"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <gtest/gtest.h>

#include "una/kernels/testing.h"

namespace una::kernels {
namespace {

using testing::difference;
using testing::random;

struct Shape {
  std::int64_t rows, in, out;
};

// Full and partial blocks of rows, inputs and outputs; the last has more of x than is multiplied at a time.
const std::vector<Shape>& shapes() {
  static const std::vector<Shape> all{{1, 1, 1},   {1, 576, 67}, {2, 32, 8},   {3, 33, 9},    {4, 31, 5},
                                      {5, 64, 13}, {6, 7, 3},    {7, 100, 17}, {64, 65, 130}, {61, 9001, 3}};
  return all;
}

double tolerance(at::ScalarType dtype) {
  if (dtype == at::kDouble) { return 1e-13; }
  return dtype == at::kFloat ? 1e-6 : 1.0 / 256;
}

class Product : public ::testing::TestWithParam<at::ScalarType> {};

TEST_P(Product, IsTheProductRoundedOnce) {
  for (const Shape& s : shapes()) {
    const at::Tensor x = random({s.rows, s.in}, 1).to(GetParam()),
                     w = random({s.out, s.in}, 2).to(GetParam()), bias = random({s.out}, 3).to(GetParam());
    const at::Tensor wanted = at::matmul(x.to(at::kDouble), w.to(at::kDouble).t());
    EXPECT_LE(difference(product(x, w), wanted), tolerance(GetParam()))
        << s.rows << " " << s.in << " " << s.out;
    EXPECT_LE(difference(product(x, w, bias), wanted + bias.to(at::kDouble)), tolerance(GetParam()));
  }
}

TEST_P(Product, AddsToColumnsOfAWiderTensor) {
  for (const Shape& s : shapes()) {
    const at::Tensor x = random({s.rows, s.in}, 1).to(GetParam()),
                     w = random({s.out, s.in}, 2).to(GetParam());
    const at::Tensor wide = random({s.rows, s.out + 5}, 4).to(GetParam()), before = wide.clone();
    add_product(wide.narrow(1, 2, s.out), x, w);
    const at::Tensor sum =
        before.narrow(1, 2, s.out).to(at::kDouble) + at::matmul(x.to(at::kDouble), w.to(at::kDouble).t());
    EXPECT_LE(difference(wide.narrow(1, 2, s.out), sum), tolerance(GetParam()));
    EXPECT_TRUE(at::equal(wide.narrow(1, 0, 2), before.narrow(1, 0, 2)));
    EXPECT_TRUE(at::equal(wide.narrow(1, s.out + 2, 3), before.narrow(1, s.out + 2, 3)));
  }
}

TEST_P(Product, GivesARowTheSameBitsWhateverIsBesideIt) {
  constexpr std::int64_t kFew = 3;  // tiles of bf16 begin with three rows
  const std::int64_t most = std::min<std::int64_t>(own_product_limit(GetParam(), 99), 200);
  const at::Tensor w = random({43, 99}, 2).to(GetParam()), x = random({most, 99}, 1).to(GetParam());
  const at::Tensor alone = product(x.narrow(0, 0, kFew), w);
  for (std::int64_t rows = kFew + 1; rows <= most; ++rows) {
    const at::Tensor some = product(x.narrow(0, 0, rows), w), last = x.narrow(0, rows - kFew, kFew);
    EXPECT_TRUE(at::equal(some.narrow(0, 0, kFew), alone)) << rows;
    EXPECT_TRUE(at::equal(some.narrow(0, rows - kFew, kFew), product(last, w))) << rows;
  }
}

TEST_P(Product, LeavesManyRowsAndOtherLayoutsToATen) {
  const std::int64_t limit = own_product_limit(GetParam(), 40);
  const bool limited = limit < 1000;
  const at::Tensor w = random({24, 40}, 2).to(GetParam()),
                   x = random({limited ? limit + 1 : 2, 40}, 1).to(GetParam());
  EXPECT_TRUE(!limited || at::equal(product(x, w), at::linear(x, w)));
  const at::Tensor turned = random({40, 24}, 2).to(GetParam()).t(), few = x.narrow(0, 0, 2);
  EXPECT_TRUE(at::equal(product(few, turned), at::linear(few, turned)));
}

INSTANTIATE_TEST_SUITE_P(Types, Product, ::testing::ValuesIn(testing::all_dtypes()));

}  // namespace
}  // namespace una::kernels
