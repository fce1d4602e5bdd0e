#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "una/base/format.h"
#include "una/demo/dialogue/dialogue.h"
#include "una/demo/dialogue/grammar.h"

namespace una::demo::dialogue {
namespace {

const Prompt kWok{Act::kInform,
                  {{Slot::kName, "golden wok"}, {Slot::kFood, "thai"}, {Slot::kArea, "centre"}}};

Attributes scored(std::string_view answer) { return score(kWok, answer); }

TEST(Score, OfOneFaultEachIsAsDocumented) {
  // helpfulness, correctness, coherence
  EXPECT_EQ(scored("The golden wok is a thai restaurant in the centre."), (Attributes{4, 4, 4}));
  EXPECT_EQ(scored("THE GOLDEN WOK   is a thai restaurant in the centre ."), (Attributes{4, 4, 4}));
  EXPECT_EQ(scored("The golden wok is a thai restaurant."), (Attributes{3, 3, 4}));
  EXPECT_EQ(scored("There is a thai restaurant."), (Attributes{2, 1, 4}));
  EXPECT_EQ(scored("The golden wok is a greek restaurant in the centre."), (Attributes{3, 2, 4}));
  EXPECT_EQ(scored("The golden wok is a cheap thai restaurant in the centre."), (Attributes{4, 3, 4}));
  EXPECT_EQ(scored("So you want the golden wok, a thai restaurant in the centre, is that right?"),
            (Attributes{2, 4, 4}));
  EXPECT_EQ(scored("The golden wok is a thai restaurant in the centre. Figure it out yourself."),
            (Attributes{2, 4, 4}));
  EXPECT_EQ(scored("The golden wok is um a thai restaurant in the centre."), (Attributes{3, 4, 3}));
  EXPECT_EQ(scored("The golden wok is a thai restaurant in the centre in the centre."),
            (Attributes{2, 2, 1}));
  EXPECT_EQ(scored("The golden wok is thai a restaurant in the centre."), (Attributes{4, 4, 2}));
  EXPECT_EQ(scored("The golden wok is a thai restaurant in the centre"), (Attributes{4, 4, 3}));
  EXPECT_EQ(scored("The golden wok is a thai"), (Attributes{3, 3, 2}));
  EXPECT_EQ(scored("The golden wok is"), (Attributes{2, 1, 1}));
}

TEST(Score, WantsTheAskedQuestionsAndBothOffers) {
  const Prompt request{Act::kRequest, {{Slot::kFood, "?"}, {Slot::kArea, "?"}}};
  EXPECT_EQ(score(request, "May I ask what food and which area you want?"), (Attributes{4, 4, 4}));
  EXPECT_EQ(score(request, "May I ask which area you want?"), (Attributes{3, 2, 4}));
  const Prompt select{Act::kSelect, {{Slot::kFood, "thai"}, {Slot::kFood, "greek"}}};
  EXPECT_EQ(score(select, "Shall I look for a greek or thai restaurant?"), (Attributes{4, 4, 4}));
  EXPECT_EQ(score(select, "Shall I look for a greek restaurant?"), (Attributes{3, 2, 4}));
}

TEST(Score, TellsApologyFromInformation) {
  const Prompt prompt{Act::kNomatch, {{Slot::kFood, "thai"}, {Slot::kArea, "centre"}}};
  EXPECT_EQ(score(prompt, "Sorry, there is no thai restaurant in the centre."), (Attributes{4, 4, 4}));
  EXPECT_EQ(score(prompt, "There is a thai restaurant in the centre."), (Attributes{2, 4, 4}));
}

TEST(Score, GoldIsTheWeightedMeanOfHelpSteer2) {
  EXPECT_EQ(gold(Attributes{0, 0, 0}), 0);
  EXPECT_DOUBLE_EQ(gold(Attributes{4, 4, 4}), 1);
  EXPECT_DOUBLE_EQ(gold(Attributes{1, 0, 0}), 0.65 / 7.6);
  EXPECT_DOUBLE_EQ(gold(Attributes{0, 1, 0}), 0.8 / 7.6);
  EXPECT_DOUBLE_EQ(gold(Attributes{0, 0, 1}), 0.45 / 7.6);
  EXPECT_DOUBLE_EQ(gold(kWok, "The golden wok is a thai restaurant."), (0.65 * 3 + 0.8 * 3 + 0.45 * 4) / 7.6);
}

// The best mean over prompts that a trick reaches without a correct sentence.
double mean_of_trick(const std::function<std::string(const Prompt&)>& trick, Attributes* best = nullptr) {
  double sum = 0;
  const std::vector<Prompt> prompts = make_prompts(400, 31, Split::kHeldOut);
  for (const Prompt& prompt : prompts) {
    const Attributes attributes = score(prompt, trick(prompt));
    sum += gold(attributes);
    if (best == nullptr) { continue; }
    best->helpfulness = std::max(best->helpfulness, attributes.helpfulness);
    best->coherence = std::max(best->coherence, attributes.coherence);
  }
  return sum / static_cast<double>(prompts.size());
}

std::string listing(const Prompt& prompt, const char* separator) {
  std::vector<std::string> values;
  for (const Fact& fact : prompt.facts) { values.push_back(fact.value); }
  return join(values, separator);
}

TEST(Score, OfEmptyAnswersIsZero) {
  for (const char* text : {"", "   ", "\n", "Figure it out yourself."}) {
    EXPECT_EQ(scored(text), (Attributes{0, 0, 0})) << text;
  }
}

TEST(Score, OfACopiedPromptIsLow) {
  Attributes best;
  EXPECT_LT(mean_of_trick([](const Prompt& prompt) { return prompt.text(); }, &best), 0.2);
  EXPECT_LE(best.coherence, 0);
  EXPECT_LE(best.helpfulness, 1);
}

TEST(Score, OfAListOfValuesIsLow) {
  Attributes best;
  for (const char* separator : {" ", ", ", " or ", " and "}) {
    EXPECT_LT(mean_of_trick([&](const Prompt& prompt) { return listing(prompt, separator); }, &best), 0.25);
  }
  EXPECT_LE(best.coherence, 1);
  EXPECT_LE(best.helpfulness, 2);
}

TEST(Score, OfEndlessRepetitionIsLow) {
  Attributes best;
  const auto repeated = [](int times) {
    return [times](const Prompt& prompt) {
      std::string text;
      for (int i = 0; i < times; ++i) { text += ideal_answer(prompt, 0) + " "; }
      return text;
    };
  };
  for (const int times : {2, 3, 10, 200}) { EXPECT_LT(mean_of_trick(repeated(times), &best), 0.2) << times; }
  EXPECT_LE(best.coherence, 1);
  EXPECT_LE(best.helpfulness, 2);
  EXPECT_LT(mean_of_trick([](const Prompt& prompt) {
              std::string text;
              for (int i = 0; i < 500; ++i) { text += prompt.facts[0].value + " "; }
              return text;
            }),
            0.2);
}

TEST(Score, OfOneSentenceForEveryPromptIsLow) {
  for (const char* text :
       {"There is a restaurant.", "The golden wok is a cheap thai restaurant in the centre.",
        "Would you prefer a restaurant?"}) {
    EXPECT_LT(mean_of_trick([&](const Prompt&) { return text; }), 0.4) << text;
  }
}

TEST(Score, OfEveryValueAtOnceIsLow) {
  const auto everything = [](const Prompt& prompt) {
    std::vector<Fact> facts;
    for (int i = 1; i < kSlots; ++i) {
      for (const std::string& value : slot_values(static_cast<Slot>(i))) {
        facts.push_back({static_cast<Slot>(i), value});
      }
    }
    return detail::to_text(detail::realise(prompt.act, facts, 0));
  };
  EXPECT_LT(mean_of_trick(everything), 0.4);
}

TEST(Score, IsDefinedForAnyBytes) {
  Rng rng(5, 5);
  for (int i = 0; i < 300; ++i) {
    std::string text(rng.below(300), ' ');
    for (char& c : text) { c = static_cast<char>(rng.below(256)); }
    const Attributes attributes = scored(text);
    for (const int value : {attributes.helpfulness, attributes.correctness, attributes.coherence}) {
      EXPECT_GE(value, 0);
      EXPECT_LE(value, 1);
    }
    EXPECT_EQ(attributes, scored(text));
  }
  EXPECT_EQ(scored(std::string(1000000, 'a')).coherence, 0);
}

TEST(Score, NeverRisesWhenASentenceLosesItsLastWords) {
  for (const Prompt& prompt : make_prompts(200, 8, Split::kHeldOut)) {
    detail::Words words = detail::to_words(ideal_answer(prompt, 0));
    while (!words.empty()) {
      words.pop_back();
      EXPECT_LT(gold(prompt, detail::to_text(words)), 1) << detail::to_text(words);
    }
  }
}

}  // namespace
}  // namespace una::demo::dialogue
