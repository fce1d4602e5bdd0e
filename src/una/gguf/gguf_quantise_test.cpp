#include "una/gguf/gguf_quantise.h"

#include <limits>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "una/base/testing.h"
#include "una/weights/testing.h"

namespace una::gguf {
namespace {

using weights::error_of;

// One block: the given numbers, then zeros.
at::Tensor block(std::vector<float> numbers) {
  numbers.resize(kQ8Block, 0);
  return at::tensor(numbers, at::kFloat);
}

// The two bytes of the scale and the requested number of levels.
std::vector<int> q8(const at::Tensor& values, std::size_t levels) {
  const at::Tensor bytes = ggml_bytes(values, GgmlType::kQ8_0, "t");
  const auto* at = bytes.const_data_ptr<std::uint8_t>();
  std::vector<int> out = {at[0], at[1]};
  for (std::size_t i = 0; i < levels; ++i) { out.push_back(static_cast<std::int8_t>(at[2 + i])); }
  return out;
}

std::string refusal(const at::Tensor& values, GgmlType type) {
  return error_of([&] { ggml_bytes(values, type, "the tensor t"); });
}

TEST(GgufQuantise, LevelsAreWhatOneComputesByHand) {
  // Largest magnitude 63.5: scale 0.5, in fp16 0x3800. Halves go away from zero.
  EXPECT_EQ(q8(block({63.5F, -63.5F, 1, -1, 0.25F, -0.25F, 0.24F, -31.75F}), 9),
            (std::vector<int>{0x00, 0x38, 127, -127, 2, -2, 1, -1, 0, -64, 0}));
}

TEST(GgufQuantise, LevelsComeFromTheScaleBeforeItIsRounded) {
  // 1/127 is 0x2008 in fp16, a little less: 0.059052 times 127 is 7.4996, by the rounded scale 7.50006.
  EXPECT_EQ(q8(block({1, 0.059052F}), 3), (std::vector<int>{0x08, 0x20, 127, 7, 0}));
}

TEST(GgufQuantise, EachBlockHasItsScale) {
  const at::Tensor two = at::zeros({1, 2 * kQ8Block});
  two[0][0] = 127;
  two[0][kQ8Block] = -254;
  const at::Tensor bytes = ggml_bytes(two, GgmlType::kQ8_0, "t");
  ASSERT_EQ(bytes.nbytes(), 68U);
  const auto* at = bytes.const_data_ptr<std::uint8_t>();
  EXPECT_EQ(at[0] | at[1] << 8, 0x3C00);  // 1
  EXPECT_EQ(at[2], 127);
  EXPECT_EQ(at[34] | at[35] << 8, 0x4000);  // 2
  EXPECT_EQ(static_cast<std::int8_t>(at[36]), -127);
}

TEST(GgufQuantise, BlocksOfZerosAndOfNextToNothingAreZero) {
  const std::vector<int> zeros = {0, 0, 0, 0};
  EXPECT_EQ(q8(block({}), 2), zeros);
  EXPECT_EQ(q8(block({1e-42F, -1e-42F}), 2), zeros);
}

TEST(GgufQuantise, SmallTypesRoundToNearestAndTiesToEven) {
  const float tie16 = 1 + 1.0F / 2048, tie_bf16 = 1 + 1.0F / 256;
  const at::Tensor values = at::tensor(std::vector<float>{tie16, 3 * tie16 - 2, tie_bf16, 3 * tie_bf16 - 2});
  const at::Tensor half = ggml_bytes(values, GgmlType::kF16, "t");
  EXPECT_EQ(half.scalar_type(), at::kHalf);
  EXPECT_EQ(half[0].item<float>(), 1);
  EXPECT_EQ(half[1].item<float>(), 1 + 2.0F / 1024);
  const at::Tensor brain = ggml_bytes(values, GgmlType::kBF16, "t");
  EXPECT_EQ(brain.scalar_type(), at::kBFloat16);
  EXPECT_EQ(brain[2].item<float>(), 1);
  EXPECT_EQ(brain[3].item<float>(), 1 + 2.0F / 128);
}

TEST(GgufQuantise, ViewsAreLaidOutInTheirOrder) {
  const at::Tensor turned = at::tensor(std::vector<float>{1, 2, 3, 4, 5, 6}).view({2, 3}).t();
  const at::Tensor bytes = ggml_bytes(turned, GgmlType::kF32, "t");
  const auto* at = static_cast<const float*>(bytes.const_data_ptr());
  EXPECT_EQ(std::vector<float>(at, at + 6), (std::vector<float>{1, 4, 2, 5, 3, 6}));
}

TEST(GgufQuantise, NumbersThatDoNotFitAreRefusedByName) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const GgmlType type : {GgmlType::kF32, GgmlType::kF16, GgmlType::kBF16, GgmlType::kQ8_0}) {
    EXPECT_NE(refusal(block({nan}), type).find("the tensor t holds numbers that are not finite"),
              std::string::npos);
  }
  EXPECT_NE(refusal(block({7e4F}), GgmlType::kF16).find("that F16 cannot hold; export with --dtype bfloat16"),
            std::string::npos);
  EXPECT_EQ(refusal(block({7e4F}), GgmlType::kBF16), "no error");
  EXPECT_EQ(refusal(block({7e4F}), GgmlType::kQ8_0), "no error");
  EXPECT_NE(refusal(block({1e7F}), GgmlType::kQ8_0).find("that Q8_0 cannot hold"), std::string::npos);
}

TEST(GgufQuantise, OnlyRowsOfWholeBlocksFit) {
  EXPECT_TRUE(fits_blocks({3, 64}, GgmlType::kQ8_0));
  EXPECT_FALSE(fits_blocks({64, 48}, GgmlType::kQ8_0));
  EXPECT_TRUE(fits_blocks({64, 48}, GgmlType::kF16));
  EXPECT_EQ(ggml_size(64, GgmlType::kQ8_0), 68U);
  EXPECT_EQ(ggml_size(3, GgmlType::kF32), 12U);
  EXPECT_EQ(ggml_size(3, GgmlType::kBF16), 6U);
  EXPECT_STREQ(ggml_name(GgmlType::kQ8_0), "Q8_0");
}

}  // namespace
}  // namespace una::gguf
