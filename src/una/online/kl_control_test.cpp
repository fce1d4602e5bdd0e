#include "una/online/kl_control.h"

#include <gtest/gtest.h>

namespace una::online {
namespace {

OnlineOptions adaptive() {
  OnlineOptions options;
  options.kl_control = "adaptive";
  options.kl_target = 4;
  options.kl_horizon = 100;
  return options;
}

TEST(KlControl, AFixedCoefficientNeverMoves) {
  KlControl control({}, .05);
  control.observe(100, 64);
  EXPECT_EQ(control.coefficient(), .05);
  EXPECT_TRUE(control.state().empty());
}

TEST(KlControl, ItGrowsAboveTheTargetAndShrinksBelow) {
  KlControl control(adaptive(), .1);
  control.observe(4.4, 50);  // 10 % over: 1 + .1 * 50 / 100
  EXPECT_NEAR(control.coefficient(), .105, 1e-12);
  control.observe(3.8, 50);
  EXPECT_NEAR(control.coefficient(), .105 * .975, 1e-12);
}

TEST(KlControl, AnErrorIsCutAtAFifth) {
  KlControl control(adaptive(), .1);
  control.observe(400, 50);
  EXPECT_NEAR(control.coefficient(), .11, 1e-12);
  control.observe(0, 50);
  EXPECT_NEAR(control.coefficient(), .099, 1e-12);
}

TEST(KlControl, ARoundLargerThanTheHorizonNeverTurnsTheSign) {
  KlControl control(adaptive(), .1);
  control.observe(0, 1000);
  EXPECT_EQ(control.coefficient(), 0);
}

TEST(KlControl, ACheckpointCarriesEveryBit) {
  KlControl control(adaptive(), .1), resumed(adaptive(), .1);
  control.observe(5.1234, 37);
  resumed.load_state(parse_json(control.state().dump(), "state"));
  EXPECT_EQ(resumed.coefficient(), control.coefficient());
}

}  // namespace
}  // namespace una::online
