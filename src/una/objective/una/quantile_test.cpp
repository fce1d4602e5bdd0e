#include "una/objective/una/quantile.h"

#include <cmath>

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::objective {
namespace {

constexpr auto kIdentity = QuantileTransform::kIdentity;
constexpr auto kLog = QuantileTransform::kLog;
constexpr auto kNormal = QuantileTransform::kNormal;

TEST(Quantile, GoldenLogPartitions) {
  EXPECT_NEAR(quantile_offset(kIdentity, .1), .769737, 1e-6);
  EXPECT_NEAR(quantile_offset(kLog, .1), -.239790, 1e-6);
  EXPECT_NEAR(quantile_offset(kNormal, .1), 5, 1e-12);
}

// Z = int_0^1 exp(R(q) / beta) dq by the midpoint rule.
double integral(QuantileTransform transform, double beta) {
  const int n = 1000000;
  double z = 0;
  for (int i = 0; i < n; ++i) {
    const double q = (i + .5) / n;
    z += std::exp((transform == kIdentity ? q : std::log(q)) / beta) / n;
  }
  return beta * std::log(z);
}

TEST(Quantile, LogPartitionsAreThoseOfAUniformRank) {
  for (const double beta : {.1, .4, 2.}) {
    EXPECT_NEAR(quantile_offset(kIdentity, beta), integral(kIdentity, beta), 1e-6) << beta;
    EXPECT_NEAR(quantile_offset(kLog, beta), integral(kLog, beta), 1e-6) << beta;
  }
  // E[exp(x / beta)] of a standard normal x is exp(1 / (2 beta^2)).
  EXPECT_DOUBLE_EQ(quantile_offset(kNormal, 2), 2 * .125);
}

TEST(Quantile, SmallBetaDoesNotOverflow) {
  EXPECT_NEAR(quantile_offset(kIdentity, .003), 1 + .003 * std::log(.003), 1e-12);
}

TEST(Quantile, TheRankIsTheShareThatIsNotAboveAndNeverZero) {
  const std::vector<double> reference = {.5, 1, .25, 0};
  EXPECT_EQ(quantile_of(.5, reference), .75);
  EXPECT_EQ(quantile_of(.4, reference), .5);
  EXPECT_EQ(quantile_of(7, reference), 1);
  EXPECT_EQ(quantile_of(-7, reference), .25);
  EXPECT_THROW(quantile_of(0, {}), InternalError);
}

TEST(Quantile, TransformsOfARank) {
  EXPECT_EQ(transformed_quantile(kIdentity, .75, 4), .75);
  EXPECT_EQ(transformed_quantile(kLog, .75, 4), std::log(.75));
  EXPECT_NEAR(transformed_quantile(kNormal, .975, 1000), 1.959963984540054, 1e-12);
  EXPECT_NEAR(transformed_quantile(kNormal, .5, 2), 0, 1e-15);
  // The best of four is above the third and finite.
  EXPECT_NEAR(transformed_quantile(kNormal, 1, 4), 1.1503493803760079, 1e-12);
  EXPECT_GT(transformed_quantile(kNormal, 1, 4), transformed_quantile(kNormal, .75, 4));
}

TEST(Quantile, AnUnknownTransformIsRefused) { EXPECT_THROW(quantile_transform("rank"), InputError); }

}  // namespace
}  // namespace una::objective
