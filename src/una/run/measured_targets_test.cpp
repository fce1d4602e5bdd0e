#include "una/run/measured_targets.h"

#include <cmath>

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::run {
namespace {

// A prompt with two scored answers, `gap` apart.
Row group_of(std::int64_t index, double gap) {
  Row row;
  row.index = index;
  row.unit = Unit::kGroup;
  row.group_id = static_cast<std::uint64_t>(index);
  for (const double score : {0.5 - gap / 2, 0.5 + gap / 2}) {
    Sequence sequence;
    sequence.ids = {1, 2};
    sequence.loss_mask = {0, 1};
    sequence.target = sequence.raw_score = score;
    row.sequences.push_back(sequence);
  }
  return row;
}

// The identity link asks for the score itself: KL = Var / (2 beta^2), and two answers `gap` apart have gap^2 / 2.
setup::RunConfig identity(double target_kl) {
  setup::RunConfig config = setup::default_config("una");
  config.objective.una_link = "identity";
  config.objective.beta = 0.1;
  config.objective.target_kl = target_kl;
  return config;
}

TEST(MeasuredTargets, BetaBecomesWhatTheTargetAsksFor) {
  const auto rows = data::make_dataset({group_of(0, 0.2), group_of(1, 0.4)}, {"x"});
  setup::RunConfig config = identity(0.3);
  std::unique_ptr<objective::Objective> objective;
  measure_targets(config, *rows, objective);
  EXPECT_NEAR(config.objective.beta, std::sqrt((0.02 + 0.08) / 2 / 0.6), 1e-12);
  EXPECT_NE(objective, nullptr) << "made again with that beta";
}

TEST(MeasuredTargets, BetaAsGivenStays) {
  const auto rows = data::make_dataset({group_of(0, 0.2), group_of(1, 0.4)}, {"x"});
  setup::RunConfig config = identity(0);
  std::unique_ptr<objective::Objective> objective;
  measure_targets(config, *rows, objective);
  EXPECT_EQ(config.objective.beta, 0.1);
  EXPECT_EQ(objective, nullptr);
}

TEST(MeasuredTargets, OfManyRowsThoseThatAreLookedAtAreSpreadEvenly) {
  std::vector<Row> many;
  for (std::int64_t i = 0; i < 8000; ++i) { many.push_back(group_of(i, i < 4000 ? 0 : 0.2)); }
  const auto rows = data::make_dataset(std::move(many), {"x"});
  setup::RunConfig config = identity(0.5);
  std::unique_ptr<objective::Objective> objective;
  measure_targets(config, *rows, objective);
  EXPECT_NEAR(config.objective.beta, std::sqrt(0.01), 1e-9) << "half of them from either half of the file";
}

TEST(MeasuredTargets, ATargetIsANumberOfNatsOfFeedbackThatIsThere) {
  const auto check = [](double kl, bool is_online) {
    objective::ObjectiveOptions options;
    options.target_kl = kl;
    check_target_kl(options, is_online);
  };
  EXPECT_NO_THROW(check(0, true));
  EXPECT_NO_THROW(check(2.5, false));
  EXPECT_THROW(check(2.5, true), InputError);
  EXPECT_THROW(check(-1, false), InputError);
  EXPECT_THROW(check(std::nan(""), false), InputError);
  EXPECT_THROW(check(INFINITY, false), InputError);
}

}  // namespace
}  // namespace una::run
