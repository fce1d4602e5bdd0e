#include <map>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/demo/dialogue/dialogue.h"

namespace una::demo::dialogue {
namespace {

TEST(Prompts, HaveTheTextOfTheDocumentation) {
  const Prompt prompt{Act::kInform,
                      {{Slot::kName, "golden wok"}, {Slot::kFood, "thai"}, {Slot::kArea, "centre"}}};
  EXPECT_EQ(prompt.text(), "inform(name='golden wok', food='thai', area='centre')");
  const Prompt question{Act::kRequest, {{Slot::kArea, "?"}, {Slot::kPrice, "cheap"}}};
  EXPECT_EQ(question.text(), "request(area=?, price='cheap')");
}

TEST(Prompts, AreEqualInAnyOrderOfTheirFacts) {
  const Prompt one{Act::kSelect, {{Slot::kFood, "thai"}, {Slot::kFood, "greek"}, {Slot::kArea, "north"}}};
  const Prompt two{Act::kSelect, {{Slot::kArea, "north"}, {Slot::kFood, "greek"}, {Slot::kFood, "thai"}}};
  EXPECT_EQ(one.key(), two.key());
  EXPECT_NE(one.text(), two.text());
  EXPECT_EQ(split_of(one.key()), split_of(two.key()));
}

TEST(Prompts, AreDifferentAndStayInTheirSplitForEverySeed) {
  std::map<std::string, Split> seen;
  for (const std::uint64_t seed : {1, 2, 3}) {
    for (const Split split : {Split::kTrain, Split::kFeedback, Split::kHeldOut}) {
      std::set<std::string> keys;
      for (const Prompt& prompt : make_prompts(1500, seed, split)) {
        EXPECT_TRUE(keys.insert(prompt.key()).second) << "twice: " << prompt.text();
        const auto [place, is_new] = seen.emplace(prompt.key(), split);
        EXPECT_EQ(place->second, split) << "in two splits: " << prompt.text();
      }
      EXPECT_EQ(keys.size(), 1500U);
    }
  }
}

TEST(Prompts, ComeFromTheSeedAlone) {
  const auto all = make_prompts(50, 7, Split::kHeldOut);
  const auto first = make_prompts(20, 7, Split::kHeldOut);
  for (std::size_t i = 0; i < first.size(); ++i) { EXPECT_EQ(first[i].text(), all[i].text()); }
  EXPECT_NE(make_prompts(1, 8, Split::kHeldOut)[0].text(), all[0].text());
}

TEST(Prompts, UseEveryActSlotAndValueWithTwoToFourFacts) {
  std::map<Act, int> acts;
  std::set<std::string> values;
  for (const Prompt& prompt : make_prompts(3000, 5, Split::kTrain)) {
    ++acts[prompt.act];
    ASSERT_GE(prompt.facts.size(), 2U);
    ASSERT_LE(prompt.facts.size(), 4U);
    std::map<Slot, int> uses;
    int asked = 0;
    for (const Fact& fact : prompt.facts) {
      ++uses[fact.slot];
      asked += fact.value == "?" ? 1 : 0;
      values.insert(cat(slot_name(fact.slot), "=", fact.value));
    }
    EXPECT_EQ(asked > 0, prompt.act == Act::kRequest) << prompt.text();
    const bool offers_two = uses.size() + 1 == prompt.facts.size();
    EXPECT_EQ(offers_two, prompt.act == Act::kSelect) << prompt.text();
  }
  ASSERT_EQ(acts.size(), static_cast<std::size_t>(kActs));
  for (const auto& [act, n] : acts) { EXPECT_NEAR(n, 500, 100) << act_name(act); }
  std::size_t all = 4;  // the values "?"
  for (int i = 0; i < kSlots; ++i) { all += slot_values(static_cast<Slot>(i)).size(); }
  EXPECT_EQ(values.size(), all);
}

TEST(Prompts, AreReadBackFromTheirText) {
  for (const Prompt& prompt : make_prompts(500, 3, Split::kFeedback)) {
    const std::optional<Prompt> read = parse_prompt(prompt.text());
    ASSERT_TRUE(read.has_value()) << prompt.text();
    EXPECT_EQ(read->act, prompt.act);
    EXPECT_EQ(read->facts, prompt.facts);
  }
  for (const char* text : {"", "inform", "inform(", "inform()", "sing(name='golden wok')", "inform(name='x')",
                           "inform(colour='red')", "inform(name=?)", "inform(food='thai') "}) {
    EXPECT_FALSE(parse_prompt(text).has_value()) << text;
  }
}

TEST(Prompts, OutsideTheLimitAreRefused) {
  EXPECT_THROW(make_prompts(-1, 1, Split::kTrain), InputError);
  EXPECT_THROW(make_prompts(100001, 1, Split::kTrain), InputError);
  EXPECT_TRUE(make_prompts(0, 1, Split::kTrain).empty());
}

}  // namespace
}  // namespace una::demo::dialogue
