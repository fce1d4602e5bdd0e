#include "una/eval/preferences/best_of.h"

#include <cmath>

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::eval {
namespace {

TEST(BestOf, EqualMaximaShareTheCredit) {
  const BestOfScore score = score_best_of({{"Focus", "1", {3, 1, 2, 0}, 1},
                                           {"Focus", "2", {1, 1, 0, 0}, 1},
                                           {"Focus", "3", {0, 1, 0, 0}, 1},
                                           {"Math", "4", {2, 2, 2, 2}, 1}});
  ASSERT_EQ(score.subsets.size(), 2U);
  EXPECT_NEAR(score.subsets[0].accuracy.mean, 1.5 / 3, 1e-12);
  EXPECT_NEAR(score.subsets[1].accuracy.mean, 0.25, 1e-12);
  EXPECT_NEAR(score.mean, 0.375, 1e-12);
}

// By hand from rewardbench's process_single_model().
TEST(BestOf, TiesWeighAccuracyAndMargins) {
  const std::vector<ScoredChoices> rows = {
      {"Ties", "ref:0", {5, 1}, 1},         // right, gap 4
      {"Ties", "tied:0", {4, 3, 1}, 2},     // right, spread 1, gap 2: soft and hard
      {"Ties", "ref:1", {1, 2}, 1},         // wrong, gap -1
      {"Ties", "tied:1", {6, 5, 2, 1}, 2},  // right, spread 1, gap 3: soft, not hard
  };
  const double margin = (std::tanh(2.0 / 1 - 1) + std::tanh(-1.0 / 1 - 1)) / 2;
  EXPECT_NEAR(ties_score(rows), 0.3 * 1 + 0.3 * 0.5 + 0.2 * 1 + 0.2 * 0.5 + 0.01 * margin, 1e-12);
  EXPECT_THROW(ties_score({{"Ties", "7", {1, 0}, 1}}), InputError);
  EXPECT_THROW(ties_score({{"Ties", "tied:7", {1, 0}, 2}}), InputError);
}

}  // namespace
}  // namespace una::eval
