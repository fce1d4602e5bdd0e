#include "una/eval/implicit_scores.h"

#include <gtest/gtest.h>

namespace una::eval {
namespace {

Row row(Unit unit, std::vector<double> targets) {
  Row out;
  out.unit = unit;
  for (const double target : targets) { out.sequences.emplace_back().target = target; }
  return out;
}

TEST(ImplicitScores, EachKindOfFeedbackIsComparedWithTheRewards) {
  Agreement agreement;
  compare_scores(row(Unit::kPair, {1, 0}), {{{"reward", 2.0}}, {{"reward", 1.0}}}, agreement);
  compare_scores(row(Unit::kPair, {1, 0}), {{{"reward", -1.0}}, {{"reward", 1.0}}}, agreement);
  compare_scores(row(Unit::kBinary, {1}), Json::array({{{"reward", 3.0}}}), agreement);
  compare_scores(row(Unit::kBinary, {0}), Json::array({{{"reward", 2.0}}}), agreement);
  compare_scores(row(Unit::kScore, {0.2}), Json::array({{{"reward", 1.0}, {"target", 0.2}}}), agreement);
  compare_scores(row(Unit::kScore, {0.9}), Json::array({{{"reward", 5.0}, {"target", 0.9}}}), agreement);
  EXPECT_EQ(agreement.pair_accuracy(), 0.5);
  EXPECT_EQ(agreement.label_accuracy(), 1);
  EXPECT_NEAR(agreement.correlation().value(), 1, 1e-12);
}

}  // namespace
}  // namespace una::eval
