#include "una/wins/length_control.h"

#include <cmath>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/rng.h"

namespace una::wins {
namespace {

// The minimum that scipy.optimize.minimize (BFGS, gtol 1e-10) finds of the same penalised likelihood.
TEST(LengthControl, FitsWhatScipyFits) {
  const std::vector<double> differences = {-40, -145, 70,  204,  347, 142,  9,  -37, 270, 447, 175, -127,
                                           -72, 440,  161, -226, 103, -113, -6, 22,  -23, 231, 107, 2};
  const std::vector<double> shares = {1, 1, 0, 1, 1,   0, 1, 0, 1, 0.5, 0, 0,
                                      1, 0, 0, 1, 0.5, 1, 0, 0, 1, 1,   1, 0};
  EXPECT_NEAR(length_controlled_rate(shares, differences), 0.5705008868960658, 1e-6);
}

// Answers that win by their length only: the raw rate is far above one half, the controlled one is not.
TEST(LengthControl, TakesOutWhatLengthExplains) {
  std::vector<double> shares, differences;
  double won = 0;
  for (std::uint64_t i = 0; i < 4000; ++i) {
    const double longer = 200 * uniform01(random_bits(1, stream_id("lc"), 2 * i)) - 30;
    const double chance = 1 / (1 + std::exp(-0.02 * longer));
    shares.push_back(uniform01(random_bits(1, stream_id("lc"), 2 * i + 1)) < chance ? 1 : 0);
    differences.push_back(longer);
    won += shares.back();
  }
  EXPECT_GT(won / 4000, 0.7);
  EXPECT_NEAR(length_controlled_rate(shares, differences), 0.5, 0.05);
}

TEST(LengthControl, ExtremesStayInRange) {
  EXPECT_EQ(length_controlled_rate({1, 0, 0.5, 1}, {5, 5, 5, 5}), 0.625) << "equal lengths: the plain mean";
  const double all = length_controlled_rate({1, 1, 1, 1}, {-3, 1, 2, 7});
  EXPECT_GT(all, 0.99);
  EXPECT_LE(all, 1);
  EXPECT_THROW(length_controlled_rate({1}, {}), InternalError);
}

}  // namespace
}  // namespace una::wins
