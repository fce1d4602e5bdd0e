#include "una/run/loss_pilot.h"

#include <cmath>
#include <memory>
#include <optional>

#include <gtest/gtest.h>

#include "una/train/tiny_run_testing.h"

namespace una::run {
namespace {

// A loss that takes scores as rewards and keeps what was chosen for it.
class Recorder final : public objective::Objective {
 public:
  Needs needs() const override { return {.pilot = true}; }
  bool accepts(Unit) const override { return true; }
  std::vector<double> count(const std::vector<SequenceMeta>&) const override { return {1}; }
  objective::LossTerms terms(const objective::ObjectiveInput&) const override { return {}; }
  double loss_at_reference(const std::vector<SequenceMeta>&) const override { return 0; }
  std::vector<double> pilot_rewards(const std::vector<SequenceMeta>& answers) const override {
    std::vector<double> out;
    for (const SequenceMeta& answer : answers) { out.push_back(answer.raw_score); }
    return out;
  }
  void set_prompt_ratio(double ratio) override { chosen = ratio; }
  std::optional<double> chosen;
};

// A prompt with answers of these scores.
Row row_of(std::int32_t index, Unit unit, const std::vector<double>& scores) {
  Row row;
  row.where = {"rows.jsonl", index + 1};
  row.index = index;
  row.unit = unit;
  row.group_id = static_cast<std::uint64_t>(index);
  for (std::size_t i = 0; i < scores.size(); ++i) {
    row.sequences.push_back(train::testing::tiny_sequence(index + 1, 4, 3 + static_cast<int>(i), scores[i]));
    row.sequences.back().raw_score = scores[i];
  }
  return row;
}

std::optional<double> chosen_for(std::vector<Row> rows) {
  const auto dataset = data::make_dataset(std::move(rows), {"rows"});
  train::testing::TinyRun run("una", {}, {});
  Recorder objective;
  const std::unique_ptr<dist::Ranks> ranks = dist::make_ranks({});
  run_pilot(*dataset, *run.runner, objective, 7, *ranks);
  return objective.chosen;
}

TEST(LossPilot, WhereAnswersToAPromptDoNotDifferAllSpreadIsThePrompts) {
  const std::optional<double> all =
      chosen_for({row_of(0, Unit::kGroup, {0.1, 0.1}), row_of(1, Unit::kGroup, {0.9, 0.9})});
  ASSERT_TRUE(all.has_value());
  EXPECT_TRUE(std::isinf(*all)) << *all;
  const std::optional<double> some =
      chosen_for({row_of(0, Unit::kGroup, {0.2, 0.8}), row_of(1, Unit::kGroup, {0.8, 0.2}),
                  row_of(2, Unit::kScore, {0.5})});
  ASSERT_TRUE(some.has_value()) << "a prompt with one answer is looked at too";
  EXPECT_TRUE(std::isfinite(*some));
}

TEST(LossPilot, WithoutTwoPromptsOfSeveralScoredAnswersNothingIsDecided) {
  EXPECT_FALSE(chosen_for({row_of(0, Unit::kGroup, {0.2, 0.8}), row_of(1, Unit::kScore, {0.5})}).has_value());
  EXPECT_FALSE(chosen_for({row_of(0, Unit::kPair, {1, 0}), row_of(1, Unit::kPair, {1, 0})}).has_value());
}

}  // namespace
}  // namespace una::run
