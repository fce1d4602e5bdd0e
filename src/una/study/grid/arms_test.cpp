#include "una/study/grid/arms.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/objective/objective.h"
#include "una/setup/methods.h"

namespace una::study {
namespace {

demo::Judged judged() {
  const demo::Task& task = demo::tasks().front();
  const std::vector<std::string> prompts = task.make_prompts(60, 2, demo::Split::kFeedback);
  std::vector<std::vector<std::string>> answers(prompts.size());
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    Rng rng(4, 4, i);
    for (int j = 0; j < 2; ++j) { answers[i].push_back(task.make_answer(prompts[i], 0.5, rng)); }
  }
  return demo::judge(task, prompts, answers, 13, demo::find_noise("gaussian"));
}

std::vector<double> scores_of(const std::vector<Example>& rows) {
  std::vector<double> out;
  for (const Example& row : rows) {
    for (const Response& response : row.responses) { out.push_back(response.score.value()); }
  }
  return out;
}

TEST(Arms, EachHasALossThatItsSettingsMake) {
  std::set<std::string> names;
  for (const StudyArm& arm : study_arms()) {
    EXPECT_TRUE(names.insert(arm.name).second) << arm.name;
    setup::RunConfig config = setup::default_config(arm.method);
    arm.keys(config);
    config.objective.beta = arm.beta;
    EXPECT_NO_THROW(objective::make_objective(setup::find_method(arm.method).objective, config.objective))
        << arm.name;
    EXPECT_GT(arm_rows(arm, judged(), 1).size(), 0U) << arm.name;
  }
  EXPECT_EQ(find_arm("kto").title, "KTO");
  EXPECT_THROW(find_arm("kot"), InputError);
}

TEST(Arms, ABatchOfThumbsCountsPrompts) {
  const demo::Judged data = judged();
  const auto prompts = std::ssize(data.prompts);
  EXPECT_EQ(
      arm_units(find_arm("una_thumbs_integrated"), arm_rows(find_arm("una_thumbs_integrated"), data, 1)),
      prompts);
  EXPECT_EQ(arm_units(find_arm("kto"), arm_rows(find_arm("kto"), data, 1)), 2 * prompts);
  EXPECT_EQ(arm_units(find_arm("una_group"), arm_rows(find_arm("una_group"), data, 1)), prompts);
}

TEST(Arms, TheControlsHaveTheScoresTheyPromise) {
  const demo::Judged data = judged();
  const std::vector<double> noisy = scores_of(arm_rows(find_arm("una_group"), data, 1));
  std::vector<double> gold = scores_of(arm_rows(find_arm("gold"), data, 1)), exact;
  for (const demo::JudgedPrompt& one : data.prompts) {
    exact.insert(exact.end(), one.gold.begin(), one.gold.end());
  }
  EXPECT_EQ(gold, exact);
  std::vector<double> shuffled = scores_of(arm_rows(find_arm("shuffled"), data, 1)), sorted = noisy;
  EXPECT_NE(shuffled, noisy);
  std::sort(shuffled.begin(), shuffled.end());
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(shuffled, sorted) << "the same scores, on other answers";
}

TEST(Arms, TheBetterHalfIsWhatPairsChoose) {
  const demo::Judged data = judged();
  const std::vector<Example> better = arm_rows(find_arm("sft_better"), data, 1),
                             pairs = demo::pair_rows(data);
  ASSERT_EQ(better.size(), pairs.size());
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    ASSERT_EQ(better[i].responses.size(), 1U);
    EXPECT_EQ(better[i].responses[0].text.plain, pairs[i].responses[0].text.plain);
    EXPECT_EQ(better[i].unit, Unit::kSft);
  }
}

}  // namespace
}  // namespace una::study
