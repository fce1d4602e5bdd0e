// A short run of `una bench bandit`: two prompts, a quarter of the steps. What is promised of the whole
// budget is in docs/online.md.
#include "una/online/bandit.h"

#include <cmath>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/online/bandit_world.h"

namespace una::online {
namespace {

double regret_of(const std::string& name) {
  for (const BanditCase& one : bandit_cases()) {
    if (one.name == name) { return run_bandit(one, {.prompts = 2, .answers = 32, .steps = 200}, 1).regret(); }
  }
  throw InternalError("no such case: " + name);
}

TEST(Bandit, TheWorldHasFortyAnswersAPromptThatItsNetworkGivesAllItsMass) {
  const BanditWorld world(8, 1);
  EXPECT_EQ(world.answers().size(), 40U);
  const auto model = world.make_model();
  for (const auto& prompt : world.logps(*model, model::kNoAdapter)) {
    double mass = 0;
    for (const double logp : prompt) { mass += std::exp(logp); }
    EXPECT_NEAR(mass, 1, 1e-5);
  }
  EXPECT_EQ(world.answers()[world.answer_of("a b")], (std::vector<std::int32_t>{1, 2, 0}));
  EXPECT_EQ(world.answers()[world.answer_of("c c c")], (std::vector<std::int32_t>{3, 3, 3}));
  EXPECT_EQ(world.answers()[world.answer_of("")], (std::vector<std::int32_t>{0}));
}

TEST(Bandit, RegretIs1AtTheReferenceAndTheSameForTheSameSeed) {
  const BanditCase una_c = bandit_cases().front();
  EXPECT_NEAR(run_bandit(una_c, {.steps = 0}, 3).regret(), 1, 1e-5);
  const BanditBudget few{.prompts = 4, .answers = 4, .steps = 5};
  EXPECT_EQ(run_bandit(una_c, few, 3).j, run_bandit(una_c, few, 3).j);
  EXPECT_NE(run_bandit(una_c, few, 3).j, run_bandit(una_c, few, 4).j);
}

TEST(Bandit, CentredUnaGoesWhereRlooGoesAndThePaperSSigmoidDoesNot) {
  const double una_c = regret_of("una_c");
  EXPECT_LT(una_c, 0.35);
  // 2 beta times the same gradient, which AdamW's update does not see but for its epsilon.
  EXPECT_NEAR(regret_of("rloo"), una_c, 0.01);
  EXPECT_GT(regret_of("una_sigmoid_f0"), 1) << "worse than the reference";
}

}  // namespace
}  // namespace una::online
