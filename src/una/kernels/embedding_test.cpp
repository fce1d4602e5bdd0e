#include "una/kernels/embedding.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "una/kernels/reference.h"
#include "una/kernels/testing.h"

namespace una::kernels {
namespace {

using testing::random;
using testing::Tensors;

TEST(Embedding, AgreesWithTheReferenceAndAddsRepeatedIds) {
  const at::Tensor ids = at::tensor({3, 0, 3, 10, 3, 0}, at::kLong);
  for (const auto dtype : testing::all_dtypes()) {
    const auto weight = [&](const at::Tensor& master, at::ScalarType type) {
      return testing::weight_of(master, type);
    };
    testing::expect_agreement(
        {[&](const Tensors& in) { return embedding(ids, weight(in[0], dtype)); },
         [&](const Tensors& in) { return reference::embedding(ids, weight(in[0], in[0].scalar_type())); },
         {random({11, 17}, 1)},
         {true}},
        dtype);
  }
}

TEST(Embedding, FrozenWeightRecordsNothing) {
  EXPECT_FALSE(embedding(at::tensor({1, 2}, at::kLong), {random({4, 3}, 1), {}}).requires_grad());
}

}  // namespace
}  // namespace una::kernels
