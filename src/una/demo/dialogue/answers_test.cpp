#include <set>
#include <string>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/demo/dialogue/dialogue.h"
#include "una/demo/dialogue/grammar.h"

namespace una::demo::dialogue {
namespace {

double mean_gold(double quality) {
  const std::vector<Prompt> prompts = make_prompts(800, 11, Split::kTrain);
  double sum = 0;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    Rng rng(3, stream_id("answers_test"), i);
    sum += gold(prompts[i], make_answer(prompts[i], quality, rng));
  }
  return sum / static_cast<double>(prompts.size());
}

TEST(Answers, AreFluentSentences) {
  const Fact name{Slot::kName, "golden wok"}, food{Slot::kFood, "indian"}, area{Slot::kArea, "centre"};
  EXPECT_EQ(ideal_answer({Act::kInform, {name, food, area}}, 0),
            "The golden wok is an indian restaurant in the centre.");
  EXPECT_EQ(ideal_answer({Act::kInform, {name, food, area}}, 1),
            "There is an indian restaurant in the centre called the golden wok.");
  EXPECT_EQ(ideal_answer({Act::kRecommend, {name, {Slot::kNear, "park"}, {Slot::kRating, "good"}}}, 0),
            "I would recommend the golden wok, a restaurant near the park with good reviews.");
  EXPECT_EQ(ideal_answer({Act::kConfirm, {food, {Slot::kPrice, "cheap"}}}, 0),
            "So you want a cheap indian restaurant, is that right?");
  EXPECT_EQ(ideal_answer({Act::kRequest, {{Slot::kArea, "?"}, {Slot::kPrice, "?"}, food}}, 0),
            "Could you tell me which area and what price you want for an indian restaurant?");
  EXPECT_EQ(ideal_answer({Act::kSelect, {food, {Slot::kFood, "thai"}, {Slot::kAudience, "families"}}}, 0),
            "Would you prefer an indian or thai restaurant for families?");
  EXPECT_EQ(ideal_answer({Act::kNomatch, {food, area}}, 0),
            "Sorry, there is no indian restaurant in the centre.");
}

TEST(Answers, OfQualityOneScoreFourFourFour) {
  const std::vector<Prompt> prompts = make_prompts(2000, 21, Split::kTrain);
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    Rng rng(1, 2, i);
    const std::string answer = make_answer(prompts[i], 1, rng);
    const Attributes attributes = score(prompts[i], answer);
    EXPECT_EQ(attributes, (Attributes{4, 4, 4})) << prompts[i].text() << " | " << answer;
  }
}

TEST(Answers, GetBetterWithQuality) {
  double before = mean_gold(0);
  EXPECT_LT(before, 0.3);
  for (const double quality : {0.25, 0.5, 0.75, 1.0}) {
    const double now = mean_gold(quality);
    EXPECT_GT(now, before + 0.08) << quality;
    before = now;
  }
  EXPECT_EQ(before, 1);
}

TEST(Answers, ComeFromTheGeneratorAlone) {
  const Prompt prompt = make_prompts(1, 4, Split::kTrain)[0];
  std::set<std::string> different;
  for (std::uint64_t i = 0; i < 50; ++i) {
    Rng one(9, 1, i), two(9, 1, i);
    const std::string answer = make_answer(prompt, 0.4, one);
    EXPECT_EQ(answer, make_answer(prompt, 0.4, two));
    different.insert(answer);
  }
  EXPECT_GT(different.size(), 20U);
}

TEST(Answers, StayShort) {
  for (const Prompt& prompt : make_prompts(1000, 6, Split::kTrain)) {
    Rng rng(1, 1, stream_id(prompt.key()));
    EXPECT_LE(detail::to_words(make_answer(prompt, 0, rng)).size(), 45U);
  }
}

TEST(Answers, OfAQualityOutsideZeroToOneAreABrokenPromise) {
  Rng rng(1, 1);
  const Prompt prompt{Act::kInform, {{Slot::kName, "red wok"}}};
  EXPECT_THROW(make_answer(prompt, 1.01, rng), InternalError);
  EXPECT_THROW(make_answer(prompt, -0.01, rng), InternalError);
}

}  // namespace
}  // namespace una::demo::dialogue
