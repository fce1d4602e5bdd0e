#include "una/model/rope_table.h"

#include <cmath>

#include <gtest/gtest.h>

#include <ATen/ops/tensor.h>

#include "una/base/error.h"

namespace una::model {
namespace {

TEST(RopeTable, DefaultFrequenciesFallGeometrically) {
  const std::vector<float> frequencies = rope_frequencies({.theta = 10000}, 8, 64).values;
  ASSERT_EQ(frequencies.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(frequencies[i], std::pow(10.0, -static_cast<double>(i)), 1e-7);
  }
}

TEST(RopeTable, LinearScalingDividesEveryFrequency) {
  const std::vector<float> frequencies =
      rope_frequencies({.type = "linear", .theta = 10000, .factor = 4}, 8, 64).values;
  EXPECT_FLOAT_EQ(frequencies[0], 0.25F);
  EXPECT_FLOAT_EQ(frequencies[2], 0.0025F);
}

// Wavelengths 2 pi / f = 6.28, 62.8, 628, 6283 against an original length of 100 with factors 1 and 4: the
// first (< 25) is kept, the second (25 .. 100) blended, the others (> 100) divided by 8.
TEST(RopeTable, Llama3KeepsShortAndStretchesLongWavelengths) {
  const RopeSpec spec{.type = "llama3",
                      .theta = 10000,
                      .factor = 8,
                      .low_freq_factor = 1,
                      .high_freq_factor = 4,
                      .original_max_positions = 100};
  const std::vector<float> frequencies = rope_frequencies(spec, 8, 64).values;
  EXPECT_FLOAT_EQ(frequencies[0], 1);
  const double smooth = (100 / 62.8318530718 - 1) / 3;
  EXPECT_NEAR(frequencies[1], (1 - smooth) * 0.1 / 8 + smooth * 0.1, 1e-7);
  EXPECT_NEAR(frequencies[2], 0.01 / 8, 1e-9);
  EXPECT_NEAR(frequencies[3], 0.001 / 8, 1e-10);
}

TEST(RopeTable, RowsFollowPositionsBeyondTheFirstTable) {
  RopeTable table({.theta = 10000}, 4, 64);
  const auto [cos, sin] = table.rows(at::tensor(std::vector<std::int64_t>{0, 3, 5000, 3}));
  EXPECT_EQ(cos.scalar_type(), at::kFloat);
  EXPECT_EQ(cos[0][0].item<float>(), 1);
  EXPECT_EQ(sin[0][1].item<float>(), 0);
  EXPECT_NEAR(cos[1][0].item<double>(), std::cos(3.0), 1e-6);
  EXPECT_NEAR(sin[2][1].item<double>(), std::sin(50.0), 1e-5);
  EXPECT_TRUE(cos[1].equal(cos[3]));
}

TEST(RopeTable, OtherTypesAreRefusedByName) {
  EXPECT_THROW(rope_frequencies({.type = "mrope"}, 8, 64), InputError);
  EXPECT_THROW(rope_frequencies({.type = "llama3", .factor = 8}, 8, 64), InputError) << "no original length";
  EXPECT_THROW(rope_frequencies({.type = "yarn", .factor = 8}, 8, 64), InputError) << "no original length";
  EXPECT_THROW(rope_frequencies({.type = "longrope", .original_max_positions = 8}, 8, 64), InputError)
      << "no factors";
  EXPECT_THROW(rope_frequencies({.partial_rotary_factor = 0.4}, 8, 64), InputError) << "3 dimensions";
}

}  // namespace
}  // namespace una::model
