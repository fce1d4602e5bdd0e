#include "una/eval/agreement.h"

#include <gtest/gtest.h>

namespace una::eval {
namespace {

TEST(Agreement, IsEmptyWithoutFeedback) {
  const Agreement none;
  EXPECT_FALSE(none.pair_accuracy());
  EXPECT_FALSE(none.correlation());
  EXPECT_FALSE(none.label_accuracy());
  EXPECT_EQ(none.text(), "");
}

TEST(Agreement, CountsPairsAndHalvesTies) {
  Agreement pairs;
  pairs.add_pair(2, 1);
  pairs.add_pair(1, 2);
  pairs.add_pair(1, 1);
  pairs.add_pair(3, 0);
  EXPECT_DOUBLE_EQ(*pairs.pair_accuracy(), 2.5 / 4);
  EXPECT_EQ(pairs.text(), "pairs      the chosen answer scores higher in 62.5 % of 4");
}

TEST(Agreement, CorrelationIsPearsons) {
  Agreement scores;
  for (const double x : {1., 2., 3.}) { scores.add_target(x, 1 - 2 * x); }
  EXPECT_NEAR(*scores.correlation(), -1, 1e-12);
  scores.add_target(4, 7);
  EXPECT_NEAR(*scores.correlation(), 0.5399688, 1e-6);
}

TEST(Agreement, AConstantScoreHasNoCorrelation) {
  Agreement scores;
  scores.add_target(1, 0);
  scores.add_target(1, 1);
  EXPECT_FALSE(scores.correlation());
}

TEST(Agreement, LabelsAreComparedCoupleByCouple) {
  Agreement labels;
  labels.add_label(3, true);
  labels.add_label(1, true);
  labels.add_label(2, false);
  labels.add_label(1, false);
  EXPECT_DOUBLE_EQ(*labels.label_accuracy(), (1 + 1 + 0 + 0.5) / 4);
}

}  // namespace
}  // namespace una::eval
