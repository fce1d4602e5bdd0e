#include "una/objective/part_weights.h"

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::objective {
namespace {

const std::vector<std::string> kParts = {"pairwise", "binary", "sft"};

TEST(PartWeights, ExplicitOnesStandInPlaceOfCounts) {
  EXPECT_EQ(PartWeights("", kParts).apply({.5, .3, .2}), (std::vector<double>{.5, .3, .2}));
  EXPECT_EQ(PartWeights(" sft = 0.1, pairwise=2", kParts).apply({.5, .3, .2}),
            (std::vector<double>{2, .3, .1}));
}

TEST(PartWeights, MistakesAreRefused) {
  for (const std::string text :
       {"pairs=1", "sft", "sft=", "sft=x", "sft=-1", "sft=inf", "sft=1,sft=2", "sft=1,"}) {
    EXPECT_THROW(PartWeights(text, kParts), InputError) << text;
  }
}

}  // namespace
}  // namespace una::objective
