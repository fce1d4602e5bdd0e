#include "una/eval/matched_kl.h"

#include <cmath>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/rng.h"

namespace una::eval {
namespace {

FamilyMember member(double gain, double kl) { return {{gain, gain}, {kl, kl}}; }

TEST(MatchedKl, IsTheLineInRootKlBetweenTheTwoAround) {
  const Family family{{{member(.2, .64), member(.1, .16)}}};  // in any order
  EXPECT_NEAR(*gain_at_kl(family, .16), .1, 1e-12);
  EXPECT_NEAR(*gain_at_kl(family, .36), .15, 1e-12);  // sqrt .6 is half-way between .4 and .8
  EXPECT_NEAR(*gain_at_kl(family, .04), .05, 1e-12) << "from the start model on";
  EXPECT_FALSE(gain_at_kl(family, .7).has_value()) << "nothing is extrapolated";
}

TEST(MatchedKl, IsTheMeanOverSeeds) {
  const Family family{{{member(.2, .64)}, {member(.4, .64)}}};
  EXPECT_NEAR(*gain_at_kl(family, .64), .3, 1e-12);
  EXPECT_FALSE(gain_at_kl(Family{{{member(.2, .64)}, {member(.4, .1)}}}, .3).has_value());
}

// Families along gain = slope sqrt(KL), with noise of seeds and prompts.
Family drawn(double slope, std::uint64_t stream, std::size_t seeds = 5) {
  Family out;
  for (std::size_t s = 0; s < seeds; ++s) {
    Rng rng(s, stream_id("matched kl"), 0);  // shared by the families: the same prompts and seeds
    Rng own(s, stream_id("matched kl own"), stream);
    const double of_seed = .03 * rng.normal();
    std::vector<FamilyMember> members;
    std::vector<double> of_prompt;
    for (int p = 0; p < 100; ++p) { of_prompt.push_back(.2 * rng.normal()); }
    for (const double kl : {.1, .4, .9}) {
      FamilyMember one;
      for (const double prompt : of_prompt) {
        one.gains.push_back((slope + of_seed + .005 * own.normal()) * std::sqrt(kl) + prompt +
                            .02 * own.normal());
        one.log_ratios.push_back(kl + .01 * own.normal());
      }
      members.push_back(std::move(one));
    }
    out.seeds.push_back(std::move(members));
  }
  return out;
}

TEST(MatchedKl, ThePairedDifferenceIsNarrowerThanTheBands) {
  const Family a = drawn(.3, 1), b = drawn(.25, 2);
  const Interval band = *gain_band(a, .3, 1, 400), difference = *paired_difference(a, b, .3, 1, 400);
  EXPECT_NEAR(difference.mean, .05 * std::sqrt(.3), .01);
  EXPECT_GT(difference.low, 0);
  EXPECT_LT(difference.high - difference.low, .5 * (band.high - band.low));
  EXPECT_LT(band.low, band.mean);
  EXPECT_EQ(gain_band(a, .3, 1, 400)->low, band.low);
}

TEST(MatchedKl, OutOfReachIsNoNumber) {
  EXPECT_FALSE(gain_band(drawn(.3, 1), 2, 1, 50).has_value());
  EXPECT_FALSE(paired_difference(drawn(.3, 1), drawn(.3, 2), 2, 1, 50).has_value());
}

TEST(MatchedKl, FamiliesOfOtherPromptsAreNotPaired) {
  EXPECT_THROW(paired_difference(drawn(.3, 1, 2), drawn(.3, 2, 3), .3, 1, 10), InternalError);
  EXPECT_THROW(paired_difference(Family{{{member(.1, .5)}}}, Family{{{FamilyMember{{.1}, {.5}}}}}, .3, 1, 10),
               InternalError);
}

}  // namespace
}  // namespace una::eval
