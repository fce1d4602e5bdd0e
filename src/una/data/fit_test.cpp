#include "una/data/fit.h"

#include <gtest/gtest.h>

namespace una::data {
namespace {

using detail::fit_row;
using detail::FitResult;
using detail::Piece;

// A prompt 100, 101, ... and an answer 1, 2, ...
Piece piece(std::int32_t prompt, std::int32_t answer) {
  Piece out;
  for (std::int32_t i = 0; i < prompt; ++i) { out.ids.push_back(100 + i); }
  for (std::int32_t i = 0; i < answer; ++i) { out.ids.push_back(1 + i); }
  out.prompt = static_cast<std::size_t>(prompt);
  return out;
}

rows::DataOptions limits(std::int64_t total, std::int64_t prompt, const std::string& overlong) {
  rows::DataOptions options;
  options.max_length = total;
  options.max_prompt_length = prompt;
  options.overlong = overlong;
  return options;
}

TEST(Fit, ARowOfExactlyMaxLengthStays) {
  std::vector<Piece> pieces = {piece(3, 3)};
  EXPECT_STREQ(fit_row(pieces, limits(6, 0, "drop"), -1, false).drop, "");
  pieces = {piece(3, 4)};
  EXPECT_STREQ(fit_row(pieces, limits(6, 0, "drop"), -1, false).drop, "over max_length");
  pieces = {piece(6, 1)};
  EXPECT_STREQ(fit_row(pieces, limits(6, 0, "drop"), -1, false).drop, "prompt fills max_length");
  pieces = {piece(4, 1)};
  EXPECT_STREQ(fit_row(pieces, limits(6, 3, "drop"), -1, false).drop, "prompt over max_prompt_length");
}

TEST(Fit, OneLongAnswerTakesAPairOutButLeavesAGroupAlone) {
  std::vector<Piece> pair = {piece(2, 2), piece(2, 9)};
  EXPECT_STREQ(fit_row(pair, limits(6, 0, "drop"), -1, false).drop, "over max_length");
  std::vector<Piece> group = {piece(2, 2), piece(2, 9), piece(2, 3)};
  const FitResult fit = fit_row(group, limits(6, 0, "drop"), -1, true);
  EXPECT_STREQ(fit.drop, "");
  EXPECT_EQ(fit.gone, (std::vector<std::size_t>{1}));
}

TEST(Fit, ATextThatWasNotTokenisedIsTooLongUnderEveryPolicy) {
  for (const char* overlong : {"drop", "truncate_prompt_left", "truncate_completion"}) {
    std::vector<Piece> pair = {piece(9, 2), {.overlong = true}};
    EXPECT_STREQ(fit_row(pair, limits(6, 0, overlong), -1, false).drop, "over max_length") << overlong;
    std::vector<Piece> group = {piece(2, 2), {.overlong = true}, piece(2, 3)};
    const FitResult fit = fit_row(group, limits(6, 0, overlong), -1, true);
    EXPECT_STREQ(fit.drop, "") << overlong;
    EXPECT_EQ(fit.gone, (std::vector<std::size_t>{1})) << overlong;
  }
}

TEST(Fit, ThePromptGivesWayFromTheLeftAndKeepsBosAndStaysEqual) {
  std::vector<Piece> pieces = {piece(5, 2), piece(5, 3)};
  const FitResult fit = fit_row(pieces, limits(6, 0, "truncate_prompt_left"), 100, false);
  EXPECT_TRUE(fit.truncated);
  EXPECT_EQ(pieces[0].ids, (std::vector<std::int32_t>{100, 103, 104, 1, 2}));
  EXPECT_EQ(pieces[1].ids, (std::vector<std::int32_t>{100, 103, 104, 1, 2, 3}));
  EXPECT_EQ(pieces[1].prompt, 3U);
  std::vector<Piece> without = {piece(5, 2)};
  fit_row(without, limits(6, 2, "truncate_prompt_left"), -1, false);
  EXPECT_EQ(without[0].ids, (std::vector<std::int32_t>{103, 104, 1, 2}));
}

TEST(Fit, AnAnswerThatLeavesNoRoomForAPromptTokenCannotBeSaved) {
  std::vector<Piece> pieces = {piece(5, 6)};
  EXPECT_STREQ(fit_row(pieces, limits(6, 0, "truncate_prompt_left"), -1, false).drop, "over max_length");
  std::vector<Piece> group = {piece(5, 6), piece(5, 2), piece(5, 1)};
  const FitResult fit = fit_row(group, limits(6, 0, "truncate_prompt_left"), -1, true);
  EXPECT_STREQ(fit.drop, "");
  EXPECT_EQ(fit.gone, (std::vector<std::size_t>{0}));
  EXPECT_EQ(group[1].ids, (std::vector<std::int32_t>{101, 102, 103, 104, 1, 2}));
}

TEST(Fit, ACutAnswerLosesItsEnd) {
  std::vector<Piece> pieces = {piece(2, 3), piece(2, 9)};
  const FitResult fit = fit_row(pieces, limits(6, 0, "truncate_completion"), -1, false);
  EXPECT_STREQ(fit.drop, "");
  EXPECT_TRUE(fit.truncated);
  EXPECT_EQ(pieces[0].ids.size(), 5U);
  EXPECT_EQ(pieces[1].ids, (std::vector<std::int32_t>{100, 101, 1, 2, 3, 4}));
  pieces = {piece(6, 3)};
  EXPECT_STREQ(fit_row(pieces, limits(6, 0, "truncate_completion"), -1, false).drop,
               "prompt fills max_length");
}

TEST(Fit, ATextWithoutAPromptMayFillMaxLength) {
  std::vector<Piece> pieces = {piece(0, 6)};
  EXPECT_STREQ(fit_row(pieces, limits(6, 0, "truncate_prompt_left"), -1, false).drop, "");
  pieces = {piece(0, 7)};
  EXPECT_STREQ(fit_row(pieces, limits(6, 0, "drop"), -1, false).drop, "over max_length");
}

}  // namespace
}  // namespace una::data
