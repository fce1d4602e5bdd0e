#include "una/eval/preferences/pair_scores.h"

#include <cmath>

#include <gtest/gtest.h>

namespace una::eval {
namespace {

ScoredPair pair(const char* subset, double chosen, double rejected, double chosen_length = 10,
                double rejected_length = 5) {
  return {subset, chosen, rejected, chosen_length, rejected_length};
}

TEST(PairScores, EqualScoresAreWrong) {
  const PairScore score = score_pairs({pair("", 1, 0), pair("", 0, 0), pair("", 0, 1), pair("", 2, 1)});
  EXPECT_NEAR(score.accuracy.mean, 0.5, 1e-12);
  EXPECT_TRUE(score.subsets.empty());
  EXPECT_TRUE(score.sections.empty());
}

TEST(PairScores, SectionsWeighSubsetsByPairsAndMathematicsAs984) {
  std::vector<ScoredPair> pairs;
  for (int i = 0; i < 4; ++i) { pairs.push_back(pair("alpacaeval-easy", i < 3 ? 1 : 0, 0.5)); }  // 3 of 4
  pairs.push_back(pair("mt-bench-easy", 0, 1));                                                  // 0 of 1
  for (int i = 0; i < 2; ++i) { pairs.push_back(pair("math-prm", i, 0.5)); }                     // 1 of 2
  for (int i = 0; i < 16; ++i) { pairs.push_back(pair("hep-cpp", 1, 0)); }                       // 16 of 16
  const PairScore score = score_pairs(pairs);
  ASSERT_EQ(score.sections.size(), 2U);
  EXPECT_EQ(score.sections[0].name, "Chat");
  EXPECT_NEAR(score.sections[0].accuracy.mean, 3.0 / 5, 1e-12);
  EXPECT_NEAR(score.sections[1].accuracy.mean, (984 * 0.5 + 16 * 1.0) / 1000, 1e-12);
  EXPECT_NEAR(score.section_mean, (0.6 + 0.508) / 2, 1e-12);
  EXPECT_EQ(section_of("donotanswer"), "Safety");
  EXPECT_EQ(section_of("llmbar-natural"), "Chat Hard");
  EXPECT_EQ(section_of("my own"), "");
}

TEST(PairScores, LengthAndCalibration) {
  const PairScore score = score_pairs({pair("", 2, 0, 5, 10), pair("", 0, 2, 5, 8), pair("", 1, 0, 9, 5)});
  EXPECT_EQ(score.shorter_pairs, 2);
  EXPECT_NEAR(score.shorter_is_better.mean, 0.5, 1e-12);
  EXPECT_NEAR(score.length_gap, (-5 - 3 + 4) / 3.0, 1e-12);
  const auto p = [](double x) { return 1 / (1 + std::exp(-x)); };
  EXPECT_NEAR(score.brier, (std::pow(1 - p(2), 2) + std::pow(1 - p(-2), 2) + std::pow(1 - p(1), 2)) / 3,
              1e-12);
  EXPECT_EQ(score.reliability[2].pairs, 1);  // sigmoid(1) = 0.73
  EXPECT_EQ(score.reliability[3].pairs, 2);  // sigmoid(2) = 0.88, one right, one wrong
  EXPECT_NEAR(score.reliability[3].accuracy, 0.5, 1e-12);
}

}  // namespace
}  // namespace una::eval
