#include "una/demo/noise.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/demo/feedback.h"

namespace una::demo {
namespace {

Judged judged_with(const Noise& noise, std::int64_t n = 400) {
  const Task& task = find_task("dialogue");
  const std::vector<std::string> prompts = task.make_prompts(n, 2, Split::kFeedback);
  std::vector<std::vector<std::string>> answers(prompts.size());
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    Rng rng(4, 4, i);
    for (int j = 0; j < 2; ++j) { answers[i].push_back(task.make_answer(prompts[i], 0.5, rng)); }
  }
  return judge(task, prompts, answers, 13, noise);
}

double share_up(const Judged& judged) {
  const std::vector<Example> rows = binary_rows(judged);
  const auto ups =
      std::count_if(rows.begin(), rows.end(), [](const Example& row) { return *row.responses[0].label; });
  return static_cast<double>(ups) / static_cast<double>(rows.size());
}

TEST(Noise, ByDefaultAJudgeGivesTheGoldScore) {
  for (const JudgedPrompt& one : judged_with({}).prompts) {
    for (std::size_t j = 0; j < one.gold.size(); ++j) { EXPECT_NEAR(one.noisy[j], one.gold[j], 5e-5); }
  }
}

TEST(Noise, SeverityMovesAllAnswersToAPromptTheSameWay) {
  std::set<double> offsets;
  for (const JudgedPrompt& one : judged_with({.severity = 0.1}).prompts) {
    const bool inside =
        std::all_of(one.noisy.begin(), one.noisy.end(), [](double s) { return 0 < s && s < 1; });
    if (!inside) { continue; }
    EXPECT_NEAR(one.noisy[0] - one.gold[0], one.noisy[1] - one.gold[1], 2e-4);
    offsets.insert(std::round(100 * (one.noisy[0] - one.gold[0])));
  }
  EXPECT_GT(offsets.size(), 10U) << "and each prompt another way";
}

TEST(Noise, ALongAnswerPleasesAJudgeWhoLikesLength) {
  double longer = 0, shorter = 0;
  for (const JudgedPrompt& one : judged_with({.per_word = 0.02}).prompts) {
    const std::size_t more = one.answers[0].size() > one.answers[1].size() ? 0 : 1;
    longer += one.noisy[more] - one.gold[more];
    shorter += one.noisy[1 - more] - one.gold[1 - more];
  }
  EXPECT_GT(longer, shorter + 1);
}

TEST(Noise, ABentScaleKeepsTheOrderAndNotTheDistances) {
  for (const JudgedPrompt& one : judged_with({.power = 3}).prompts) {
    EXPECT_EQ(one.noisy[0] < one.noisy[1], one.gold[0] < one.gold[1]);
    EXPECT_NEAR(one.noisy[0], std::pow(one.gold[0], 3), 3e-4);
  }
}

TEST(Noise, FlipsTurnPairsAndThumbsAndLeaveScoresAlone) {
  const Judged straight = judged_with({}, 1500), flipped = judged_with({.flips = 0.15}, 1500);
  const std::vector<Example> a = pair_rows(straight), b = pair_rows(flipped);
  ASSERT_EQ(a.size(), b.size());
  double turned = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const bool is_turned = a[i].responses[0].text.plain != b[i].responses[0].text.plain;
    turned += is_turned ? 1 : 0;
    EXPECT_EQ(a[i].margin, b[i].margin);
    EXPECT_EQ(straight.prompts[i].noisy, flipped.prompts[i].noisy);
  }
  EXPECT_NEAR(turned / static_cast<double>(a.size()), 0.15, 0.03);
  const std::vector<Example> ups = binary_rows(straight), others = binary_rows(flipped);
  double wrong = 0;
  for (std::size_t i = 0; i < ups.size(); ++i) {
    wrong += ups[i].responses[0].label != others[i].responses[0].label ? 1 : 0;
  }
  EXPECT_NEAR(wrong / static_cast<double>(ups.size()), 0.15, 0.03);
}

TEST(Noise, TheThresholdOfThumbsFollowsTheShareOfUps) {
  for (const double ups : {0.2, 0.5, 0.8}) {
    EXPECT_NEAR(share_up(judged_with({.deviation = 0.15, .ups = ups})), ups, 0.03) << ups;
  }
}

TEST(Noise, EveryNameIsFoundAndAnotherIsRefused) {
  for (const NamedNoise& one : noises()) { EXPECT_EQ(&find_noise(one.name), &one.noise); }
  EXPECT_THROW(find_noise("loud"), InputError);
}

}  // namespace
}  // namespace una::demo
