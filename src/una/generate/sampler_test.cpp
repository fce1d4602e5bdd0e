#include "una/generate/sampler.h"

#include <cmath>
#include <limits>
#include <utility>

#include <gtest/gtest.h>

#include <ATen/ops/tensor.h>

#include "una/base/error.h"

namespace una::generate {
namespace {

// Logits whose softmax is 0.4, 0.3, 0.2, 0.1 at the ids 2, 0, 3, 1.
const std::vector<double> kProbabilities = {0.3, 0.1, 0.4, 0.2};

at::Tensor logits(const std::vector<double>& probabilities) {
  std::vector<float> values;
  for (const double p : probabilities) { values.push_back(static_cast<float>(std::log(p) + 3)); }
  return at::tensor(values).unsqueeze(0);
}

Draw draw_one(const SamplingParams& params, double uniform, bool forbid_stops = false) {
  return draw_tokens(logits(kProbabilities), {{&params, uniform, forbid_stops}})[0];
}

// How often each id comes for uniform numbers on a grid.
std::vector<double> shares(const SamplingParams& params) {
  constexpr int kGrid = 1000;
  std::vector<double> out(kProbabilities.size(), 0);
  for (int i = 0; i < kGrid; ++i) {
    out[static_cast<std::size_t>(draw_one(params, (i + 0.5) / kGrid).token)] += 1.0 / kGrid;
  }
  return out;
}

void expect_shares(const SamplingParams& params, const std::vector<double>& expected) {
  const std::vector<double> found = shares(params);
  for (std::size_t i = 0; i < expected.size(); ++i) { EXPECT_NEAR(found[i], expected[i], 2e-3) << i; }
}

TEST(Sampler, DrawsEachIdWithItsProbability) { expect_shares({}, kProbabilities); }

TEST(Sampler, TemperatureSharpens) {
  std::vector<double> squares;
  double total = 0;
  for (const double p : kProbabilities) { total += p * p; }
  for (const double p : kProbabilities) { squares.push_back(p * p / total); }
  expect_shares({.temperature = 0.5}, squares);
}

TEST(Sampler, TopKKeepsTheMostLikely) { expect_shares({.top_k = 2}, {3.0 / 7, 0, 4.0 / 7, 0}); }

TEST(Sampler, PresenceAndFrequencyAreSubtractedOverTheAnswer) {
  // Logits fall by 0.5 once and by 0.25 an occurrence: id 2 comes twice, id 0 once, the prompt does not count.
  const SamplingParams params{.presence_penalty = 0.5, .frequency_penalty = 0.25};
  const std::vector<std::int32_t> prompt = {1, 1, 3}, answer = {2, 0, 2, 99};
  std::vector<double> expected = kProbabilities;
  expected[2] *= std::exp(-0.5 - 2 * 0.25);
  expected[0] *= std::exp(-0.5 - 0.25);
  const double total = expected[0] + expected[1] + expected[2] + expected[3];
  for (const auto& [uniform, id] : {std::pair(0.01, 0), std::pair(0.99, 3)}) {
    const Draw draw = draw_tokens(logits(kProbabilities), {{&params, uniform, false, prompt, answer}})[0];
    EXPECT_EQ(draw.token, id);
    EXPECT_NEAR(draw.processed_logp, std::log(expected[static_cast<std::size_t>(id)] / total), 1e-5);
    EXPECT_NEAR(draw.logp, std::log(kProbabilities[static_cast<std::size_t>(id)]), 1e-5)
        << "as if nothing had been changed";
  }
  const SamplingParams greedy{.temperature = 0, .frequency_penalty = 0.3};
  EXPECT_EQ(draw_tokens(logits(kProbabilities), {{&greedy, 0, false, prompt, answer}})[0].token, 0);
}

TEST(Sampler, TopPKeepsTheSmallestSetThatHoldsIt) {
  expect_shares({.top_p = 0.69}, {3.0 / 7, 0, 4.0 / 7, 0});
  expect_shares({.top_p = 0.71}, {3.0 / 9, 0, 4.0 / 9, 2.0 / 9});
  expect_shares({.top_p = 0.01}, {0, 0, 1, 0});
}

// After top-k 3 the masses are 4/9, 3/9, 2/9: top-p 0.77 of them needs two, of the whole it would need three.
TEST(Sampler, TopPCutsWhatTopKLeft) { expect_shares({.top_p = 0.77, .top_k = 3}, {3.0 / 7, 0, 4.0 / 7, 0}); }

TEST(Sampler, GreedyTakesTheLowestOfEqualIds) {
  const SamplingParams greedy{.temperature = 0};
  EXPECT_EQ(draw_one(greedy, 0.9).token, 2);
  EXPECT_EQ(draw_tokens(logits({0.1, 0.4, 0.4, 0.1}), {{&greedy, 0.9, false}})[0].token, 1);
}

TEST(Sampler, TheLogProbIsOfTheUnmodifiedDistribution) {
  const SamplingParams params{.temperature = 0.5, .top_k = 1};
  EXPECT_NEAR(draw_one(params, 0.5).logp, std::log(0.4), 1e-6);
  const SamplingParams cut{.temperature = 3, .top_p = 0.5};
  const Draw draw = draw_one(cut, 0);
  EXPECT_NEAR(draw.logp, std::log(kProbabilities[static_cast<std::size_t>(draw.token)]), 1e-6);
}

TEST(Sampler, TheProcessedLogProbIsOfWhatWasDrawnFrom) {
  EXPECT_EQ(draw_one({}, 0.5).processed_logp, draw_one({}, 0.5).logp);
  EXPECT_NEAR(draw_one({.top_k = 2}, 0.9).processed_logp, std::log(4.0 / 7), 1e-6);
  EXPECT_NEAR(draw_one({.top_p = 0.71}, 0.99).processed_logp, std::log(2.0 / 9), 1e-6);
  EXPECT_NEAR(draw_one({.min_p = 0.6}, 0.99).processed_logp, std::log(4.0 / 7), 1e-6);
  EXPECT_EQ(draw_one({.temperature = 0}, 0.5).processed_logp, 0);
}

TEST(Sampler, MinPKeepsWhatHasItsShareOfTheLikeliest) {
  expect_shares({.min_p = 0.45}, {3.0 / 9, 0, 4.0 / 9, 2.0 / 9});
  // The threshold applies to the nucleus {2, 0}, not to all: 0.3 is at least 0.7 of 0.4.
  expect_shares({.top_p = 0.69, .min_p = 0.7}, {3.0 / 7, 0, 4.0 / 7, 0});
  expect_shares({.top_p = 0.69, .min_p = 0.8}, {0, 0, 1, 0});
}

TEST(Sampler, RepetitionPenaltyTakesEachIdOfPromptAndAnswerOnce) {
  const std::vector<std::int32_t> prompt = {2, 2, 2, 9999}, answer = {0};
  const SamplingParams greedy{.temperature = 0, .repetition_penalty = 2};
  // Logits are log p + 3: 2.08 and 1.80 are halved below 1.39, the logit of id 3.
  EXPECT_EQ(draw_tokens(logits(kProbabilities), {{&greedy, 0, false, prompt, answer}})[0].token, 3);
  EXPECT_EQ(draw_tokens(logits(kProbabilities), {{&greedy, 0, false, prompt, {}}})[0].token, 0);
  // Below 0 the penalty multiplies; once, however often the id comes.
  const at::Tensor low = at::tensor({-1.0F, -2.5F}).unsqueeze(0);
  const std::vector<std::int32_t> twice = {0, 0};
  EXPECT_EQ(draw_tokens(low, {{&greedy, 0, false, twice, {}}})[0].token, 0);
  const Draw draw = draw_tokens(low, {{&greedy, 0, false, twice, {}}})[0];
  EXPECT_NEAR(draw.logp, -std::log1p(std::exp(-1.5)), 1e-6);
}

TEST(Sampler, ForbiddenStopsNeverCome) {
  const SamplingParams greedy{.temperature = 0, .stop_ids = {2}}, free{.stop_ids = {2, 0}};
  EXPECT_EQ(draw_one(greedy, 0, true).token, 0);
  EXPECT_EQ(draw_one(greedy, 0, false).token, 2);
  for (int i = 0; i < 50; ++i) { EXPECT_EQ(draw_one(free, i / 50.0, true).token % 2, 1); }
  const SamplingParams all{.stop_ids = {0, 1, 2, 3}};
  EXPECT_THROW(draw_one(all, 0.5, true), InputError);
}

TEST(Sampler, TheLargestUniformNumberStaysInside) {
  const double largest = 1 - 0x1.0p-53;
  EXPECT_EQ(draw_one({}, largest).token, 3);
  EXPECT_EQ(draw_one({.top_p = 0.5}, largest).token, 0);
}

TEST(Sampler, LargeVocabulariesAreDrawnByBlocks) {
  std::vector<double> many(1000, 1.0 / 1000);
  const at::Tensor rows = logits(many);
  const SamplingParams params;
  for (const int id : {0, 1, 255, 256, 511, 700, 999}) {
    EXPECT_EQ(draw_tokens(rows, {{&params, (id + 0.5) / 1000, false}})[0].token, id);
  }
}

TEST(Sampler, RowsMayHaveDifferentParameters) {
  const at::Tensor rows = logits(kProbabilities).repeat({3, 1});
  const SamplingParams greedy{.temperature = 0}, hot{.temperature = 100}, plain;
  const auto draws = draw_tokens(rows, {{&greedy, 0.99, false}, {&hot, 0.99, false}, {&plain, 0.05, false}});
  EXPECT_EQ(draws[0].token, 2);
  EXPECT_EQ(draws[1].token, 3);
  EXPECT_EQ(draws[2].token, 0);
}

TEST(Sampler, BrokenLogitsAreSaid) {
  const SamplingParams params;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(draw_tokens(at::tensor({0.0F, nan}).unsqueeze(0), {{&params, 0.5, false}}), InputError);
}

TEST(Sampler, EachPartOfTheKeyChangesTheNumber) {
  const SamplingParams one{.seed = 1}, two{.seed = 2};
  const double base = token_uniform(one, 1, 0, 0);
  EXPECT_EQ(base, token_uniform(one, 1, 0, 0));
  EXPECT_NE(base, token_uniform(two, 1, 0, 0));
  EXPECT_NE(base, token_uniform(one, 2, 0, 0));
  EXPECT_NE(base, token_uniform(one, 1, 1, 0));
  EXPECT_NE(base, token_uniform(one, 1, 0, 1));
}

}  // namespace
}  // namespace una::generate
