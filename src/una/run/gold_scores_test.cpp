#include "una/run/gold_scores.h"

#include <memory>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una::run {
namespace {

// One id for each byte.
text::Encoder byte_encoder() {
  return text::Encoder(
      {.tokenizer = std::make_shared<text::Tokenizer>(text::train_bpe({""}, 257, {"</s>"}), "", "", "test"),
       .eos_id = 0});
}

std::unique_ptr<data::Dataset> dataset(const std::string& name, const std::string& gold,
                                       const std::string& lines) {
  rows::DataOptions options;
  options.dataset_name = {test_folder("gold_scores_" + name) + "/rows.jsonl"};
  write_file(options.dataset_name[0], lines);
  return gold_dataset(gold, {}, options, byte_encoder(), data::kEveryUnit);
}

TEST(GoldScores, ANameWithAColonOrARulesNameIsAReward) {
  for (const char* name : {"model:folder", "judge:judge.yaml", "math", "json", "exact_match"}) {
    EXPECT_TRUE(names_reward(name)) << name;
  }
  for (const char* name : {"score", "gold", "gold_score"}) { EXPECT_FALSE(names_reward(name)) << name; }
}

TEST(GoldScores, AFieldTakesThePlaceOfTheRowsOwnScore) {
  const auto rows = dataset("field", "gold",
                            "{\"prompt\": \"q\", \"completion\": \"a\", \"score\": 0.25, \"gold\": 0.75}\n"
                            "{\"prompt\": \"r\", \"completion\": \"a\", \"score\": 0.5, \"gold\": 0.125}\n");
  ASSERT_EQ(rows->size(), 2);
  EXPECT_EQ(rows->row(0).sequences[0].raw_score, 0.75);
  EXPECT_EQ(rows->row(1).sequences[0].raw_score, 0.125);
}

TEST(GoldScores, ARewardJudgesEveryAnswerOfAPair) {
  const auto rows = dataset(
      "reward", "json", "{\"prompt\": \"q\", \"chosen\": \"no JSON\", \"rejected\": \"{\\\"a\\\": 1}\"}\n");
  std::vector<double> scores;
  for (std::int64_t i = 0; i < rows->size(); ++i) {
    for (const Sequence& sequence : rows->row(i).sequences) { scores.push_back(sequence.raw_score); }
  }
  EXPECT_EQ(scores, (std::vector<double>{0, 1})) << "whatever the row prefers";
}

Row row_of(Unit unit, std::uint64_t group, const std::vector<double>& golds) {
  Row row;
  row.unit = unit;
  row.group_id = group;
  for (const double gold : golds) {
    Sequence sequence;
    sequence.ids = {1, 2};
    sequence.loss_mask = {0, 1};
    sequence.raw_score = gold;
    row.sequences.push_back(sequence);
  }
  return row;
}

TEST(GoldScores, OnlyScoredAnswersAreJudgedByTheirPrompt) {
  std::vector<eval::JudgedAnswer> judged;
  Json lines = {{{"logp", -3.0}, {"ref_logp", -5.0}}, {{"logp", -6.0}, {"ref_logp", -5.0}}};
  add_judged(row_of(Unit::kGroup, 7, {0.25, 0.75}), lines, judged);
  ASSERT_EQ(judged.size(), 2U);
  EXPECT_EQ(judged[0].prompt, 7);
  EXPECT_EQ(judged[0].log_ratio, 2);
  EXPECT_EQ(judged[1].log_ratio, -1);
  EXPECT_EQ(judged[1].gold, 0.75);
  EXPECT_EQ(lines[1].at("gold"), 0.75);
  add_judged(row_of(Unit::kPair, 8, {1, 0}), lines, judged);
  EXPECT_EQ(judged.size(), 2U);
}

TEST(GoldScores, AReportNeedsTwoAnswersToOnePrompt) {
  const std::vector<eval::JudgedAnswer> apart = {{1, 0.5, 1}, {2, 0.25, 0}},
                                        together = {{1, 0.5, 1}, {1, 0.25, 0}};
  EXPECT_THROW(gold_report(apart), InputError);
  EXPECT_NE(gold_report(together).find("rho"), std::string::npos);
}

}  // namespace
}  // namespace una::run
