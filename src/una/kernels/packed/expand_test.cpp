#include "una/kernels/packed/expand.h"

#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "una/kernels/packed/quantise.h"
#include "una/kernels/standin_device_testing.h"
#include "una/kernels/testing.h"

namespace una::kernels {
namespace {

using testing::difference;
using testing::random;

// Whole and partial blocks, odd counts, several nested blocks; the last is divided among threads.
const std::vector<std::pair<std::int64_t, std::int64_t>>& shapes() {
  static const std::vector<std::pair<std::int64_t, std::int64_t>> all{{1, 1},   {3, 21}, {7, 33},
                                                                      {24, 64}, {5, 96}, {300, 577}};
  return all;
}

std::vector<PackedMatrix> packings(std::int64_t rows, std::int64_t columns, at::ScalarType dtype) {
  const at::Tensor weight = random({rows, columns}, 3).to(dtype);
  std::vector<PackedMatrix> out{quantise_nf4(weight, true), quantise_nf4(weight, false),
                                quantise_int8(weight)};
  return out;
}

// Number by number, from the header's definition.
at::Tensor plainly_expanded(const PackedMatrix& m) {
  at::Tensor out = at::empty({m.numbers()}, at::kFloat);
  auto* values = out.mutable_data_ptr<float>();
  const at::Tensor scales = block_scales(m);
  for (std::int64_t i = 0; i < m.numbers(); ++i) {
    if (m.form == PackedMatrix::Form::kInt8Rows) {
      const float code = m.codes.const_data_ptr<std::int8_t>()[i];
      values[i] = code * scales.const_data_ptr<float>()[i / m.columns] * 7.874015718698502e-3F;
      continue;
    }
    const std::uint8_t two = m.codes.const_data_ptr<std::uint8_t>()[i / 2];
    const int code = i % 2 == 0 ? two >> 4 : two & 15;
    values[i] = m.map.const_data_ptr<float>()[code] * scales.const_data_ptr<float>()[i / m.block];
  }
  return out.view({m.rows, m.columns});
}

TEST(Expand, GivesMapTimesScaleRoundedOnce) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    for (const auto& [rows, columns] : shapes()) {
      for (const PackedMatrix& packed : packings(rows, columns, dtype)) {
        const at::Tensor wanted = plainly_expanded(packed);
        EXPECT_TRUE(expanded(packed).equal(wanted.to(dtype))) << rows << " " << columns;
        at::Tensor wide = at::empty({rows, columns}, at::kDouble);
        expand(packed, wide);
        EXPECT_TRUE(wide.equal(wanted.to(at::kDouble)));
      }
    }
  }
}

TEST(Expand, IsTheSameOnAnotherDevice) {
  const at::Device device = testing::far_device();
  for (const auto& [rows, columns] : shapes()) {
    for (const PackedMatrix& packed : packings(rows, columns, at::kBFloat16)) {
      EXPECT_TRUE(expanded(moved(packed, device)).cpu().equal(expanded(packed))) << rows << " " << columns;
      EXPECT_TRUE(block_scales(moved(packed, device)).cpu().equal(block_scales(packed)));
    }
  }
}

// The largest gap between levels is 0.304 of a scale, and nesting moves a scale by at most a 14th of the largest
// distance to the mean.
TEST(Expand, IsNearTheWeight) {
  const at::Tensor weight = random({64, 128}, 3);
  const double top = weight.abs().max().item<double>();
  EXPECT_LE(difference(expanded(quantise_nf4(weight, false)), weight), 0.153 * top);
  EXPECT_LE(difference(expanded(quantise_nf4(weight, true)), weight), 0.23 * top);
  EXPECT_LE(difference(expanded(quantise_int8(weight)), weight), 0.5 / 127 * top * 1.001);
}

TEST(Expand, ZerosStayZeros) {
  const at::Tensor zeros = at::zeros({3, 64});
  EXPECT_TRUE(expanded(quantise_nf4(zeros, false)).equal(zeros));
  EXPECT_TRUE(expanded(quantise_int8(zeros)).equal(zeros));
  EXPECT_TRUE(expanded(quantise_nf4(zeros, true)).isfinite().all().item<bool>());
}

TEST(Expand, FourBitsTakeLittleMoreThanHalfAByte) {
  const PackedMatrix packed = quantise_nf4(random({512, 512}, 1), true);
  const double numbers = static_cast<double>(packed.numbers());
  EXPECT_LE(static_cast<double>(packed_bytes(packed)) / numbers, 0.5 + 1.0 / 64 + 4.0 / (64 * 256) + 0.005);
}

TEST(Expand, StackedPartsAreExpandedIntoOneBuffer) {
  const auto scratch = std::make_shared<Scratch>();
  std::vector<std::shared_ptr<const PackedMatrix>> parts;
  std::vector<at::Tensor> values;
  for (const std::int64_t rows : {5, 3}) {
    parts.push_back(std::make_shared<PackedMatrix>(quantise_nf4(random({rows, 33}, 9), true)));
    values.push_back(expanded(*parts.back()));
  }
  const LinearWeight weight(parts, scratch), first({parts[0]}, scratch);
  EXPECT_EQ(weight.rows(), 8);
  EXPECT_EQ(weight.columns(), 33);
  const at::Tensor stacked = weight.values();
  EXPECT_TRUE(stacked.equal(at::cat(values)));
  EXPECT_EQ(first.values().const_data_ptr(), stacked.const_data_ptr());
}

}  // namespace
}  // namespace una::kernels
