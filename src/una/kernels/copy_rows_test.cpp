#include "una/kernels/copy_rows.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/index_copy.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/kernels/testing.h"

namespace una::kernels {
namespace {

// Rows of a wider tensor, and a cache in which the rows of a head are contiguous.
TEST(CopyRows, PutsEveryRowInItsSlot) {
  for (const auto dtype : testing::all_dtypes()) {
    for (const std::int64_t tokens : {1, 5, 700}) {
      const at::Tensor from = testing::random({tokens, 9, 16}, 1).to(dtype).narrow(1, 3, 4);
      const at::Tensor to = testing::random({4, 800, 16}, 2).to(dtype).transpose(0, 1);
      const at::Tensor slots = at::arange(799, 799 - tokens, -1, at::kLong);
      const at::Tensor wanted = at::index_copy(to, 0, slots, from);
      copy_rows(from, slots, to);
      EXPECT_TRUE(to.equal(wanted)) << tokens;
    }
  }
}

TEST(CopyRows, RefusesWhatDoesNotFit) {
  const at::Tensor from = testing::random({2, 3, 4}, 1), to = testing::random({5, 3, 4}, 2);
  const auto slots = [](std::int64_t a, std::int64_t b) { return at::tensor({a, b}, at::kLong); };
  EXPECT_THROW(copy_rows(from, slots(0, 5), to), InternalError);
  EXPECT_THROW(copy_rows(from, slots(-1, 0), to), InternalError);
  EXPECT_THROW(copy_rows(from.narrow(1, 0, 2), slots(0, 1), to), InternalError);
  EXPECT_THROW(copy_rows(from.to(at::kFloat), slots(0, 1), to), InternalError);
}

}  // namespace
}  // namespace una::kernels
