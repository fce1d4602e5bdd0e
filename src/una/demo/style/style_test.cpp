#include "una/demo/style/style.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::demo::style {
namespace {

std::vector<Prompt> prompts_of(std::int64_t n, std::uint64_t seed, Split split) {
  std::vector<Prompt> out;
  for (const std::string& text : task().make_prompts(n, seed, split)) {
    out.push_back(parse_prompt(text).value());
  }
  return out;
}

double scored(std::string_view demands, std::string_view note) {
  return gold(parse_prompt(std::string("note: ") + std::string(demands)).value(), note);
}

TEST(Style, PromptsAreReadBackFromTheirText) {
  const Prompt prompt{
      {{Kind::kTopic, "boat"}, {Kind::kLength, "7"}, {Kind::kVain, "in blue ink"}, {Kind::kPolite, ""}}};
  EXPECT_EQ(prompt.text(), "note: about boat; 7 words; in blue ink; politely");
  for (const Prompt& one : prompts_of(500, 3, Split::kFeedback)) {
    const std::optional<Prompt> read = parse_prompt(one.text());
    ASSERT_TRUE(read.has_value()) << one.text();
    EXPECT_EQ(read->demands, one.demands);
  }
  Prompt other = prompt;
  std::swap(other.demands[1], other.demands[3]);
  EXPECT_NE(other.text(), prompt.text());
  EXPECT_EQ(other.key(), prompt.key());
  for (const char* text :
       {"", "note: ", "about boat", "note: about boats", "note: about boat; 3 words", "note: about boat;"}) {
    EXPECT_FALSE(parse_prompt(text).has_value()) << text;
  }
}

TEST(Style, PromptsDifferInWhatIsAttainable) {
  std::map<int, int> lowest, highest;
  double sum = 0, square = 0;
  const std::vector<Prompt> prompts = prompts_of(2000, 5, Split::kHeldOut);
  for (const Prompt& prompt : prompts) {
    ASSERT_EQ(prompt.demands.size(), static_cast<std::size_t>(kDemands));
    EXPECT_EQ(prompt.demands[0].kind, Kind::kTopic);
    const Range range = attainable(prompt);
    ++lowest[static_cast<int>(std::lround(10 * range.lowest))];
    ++highest[static_cast<int>(std::lround(10 * range.highest))];
    const double middle = (range.lowest + range.highest) / 2;
    sum += middle / 2000;
    square += middle * middle / 2000;
  }
  EXPECT_NEAR(highest[4], 400, 80) << "a fifth is capped at 0.4";
  EXPECT_NEAR(lowest[6], 400, 80) << "a fifth begins at 0.6";
  EXPECT_GT(std::sqrt(square - sum * sum), 0.2) << "levels differ by far more than answers to one prompt";
}

TEST(Style, OpenDemandsDifferInKindAndAllAreUsed) {
  std::set<std::string> used;
  for (const Prompt& prompt : prompts_of(4000, 6, Split::kTrain)) {
    std::set<Kind> kinds;
    for (const Demand& demand : prompt.demands) {
      used.insert(demand.text());
      if (demand.kind == Kind::kFree || demand.kind == Kind::kVain) { continue; }
      EXPECT_TRUE(kinds.insert(demand.kind).second) << prompt.text();
    }
  }
  std::size_t all = 2;  // politely, no comma
  for (int kind = 0; kind < kKinds; ++kind) { all += demand_values(static_cast<Kind>(kind)).size(); }
  EXPECT_EQ(used.size(), all);
}

TEST(Style, AFlawlessNoteGetsWhatIsAttainableAndGarbageTheRest) {
  for (const Prompt& prompt : prompts_of(2000, 7, Split::kTrain)) {
    Rng rng(1, 2, stream_id(prompt.key()));
    const std::string note = make_answer(prompt, 1, rng);
    EXPECT_EQ(gold(prompt, note), attainable(prompt).highest) << prompt.text() << " | " << note;
    EXPECT_EQ(gold(prompt, "xyzzy xyzzy"), attainable(prompt).lowest) << prompt.text();
    EXPECT_EQ(gold(prompt, ""), 0);
    EXPECT_EQ(gold(prompt, ".,!"), 0) << "marks are not words";
  }
}

TEST(Style, EachDemandIsKeptOrNotAsDocumented) {
  EXPECT_EQ(scored("about boat", "The boat is old."), 1);
  EXPECT_EQ(scored("about boat", "the BOAT"), 1);
  EXPECT_EQ(scored("about boat", "The garden is old."), 0);
  EXPECT_EQ(scored("use rain", "The boat is old with rain."), 1);
  EXPECT_EQ(scored("avoid the", "Our boat is old."), 1);
  EXPECT_EQ(scored("avoid the", "The boat is old."), 0);
  EXPECT_EQ(scored("politely", "The boat is old thank you."), 1);
  EXPECT_EQ(scored("politely", "You thank the boat."), 0);
  EXPECT_EQ(scored("no comma", "The boat is old."), 1);
  EXPECT_EQ(scored("no comma", "Well, the boat is old."), 0);
  EXPECT_EQ(scored("end with !", "The boat is old! "), 1);
  EXPECT_EQ(scored("end with !", "The boat is old."), 0);
  EXPECT_EQ(scored("begin with today", "Today the boat is old."), 1);
  EXPECT_EQ(scored("begin with today", "The boat is old today."), 0);
}

TEST(Style, LengthIsKeptInParts) {
  EXPECT_EQ(scored("5 words", "The boat is old again."), 1);
  EXPECT_EQ(scored("6 words", "The boat is old again."), 0.75);
  EXPECT_EQ(scored("4 words", "The boat is old again."), 0.75);
  EXPECT_EQ(scored("7 words", "The boat is old again."), 0.5);
  EXPECT_EQ(scored("9 words", "The boat is old again."), 0);
  EXPECT_EQ(scored("4 words", "Today the boat is old again here now indeed."), 0) << "never below it";
}

TEST(Style, FreeDemandsAreKeptByAnyNoteAndVainOnesByNone) {
  EXPECT_EQ(scored("on one page", "boat"), 1);
  EXPECT_EQ(scored("in blue ink", "In blue ink the boat is old."), 0);
  EXPECT_DOUBLE_EQ(
      scored("about boat; on one page; in plain text; in blue ink; no comma", "The boat is old."), 0.8);
  EXPECT_DOUBLE_EQ(
      scored("about boat; on one page; in plain text; in blue ink; no comma", "The garden, old."), 0.4);
}

TEST(Style, UnknownWordsTakeTheirShare) {
  EXPECT_DOUBLE_EQ(scored("about boat; in blue ink", "The boat zzz zzz."), 0.25);
  const std::string copied = "note: about boat; use rain; politely; 5 words; no comma";
  EXPECT_LT(scored(copied.substr(6), copied), 0.3) << "a copied prompt is not a note";
}

TEST(Style, NotesOfTheTeacherHoldKnownWordsOnly) {
  for (const Prompt& prompt : prompts_of(1000, 8, Split::kTrain)) {
    Rng rng(4, 2, stream_id(prompt.key()));
    const std::string note = make_answer(prompt, 0.2, rng);
    EXPECT_EQ(gold({{{Kind::kAvoid, "xyzzy"}}}, note), 1) << note;
  }
}

}  // namespace
}  // namespace una::demo::style
