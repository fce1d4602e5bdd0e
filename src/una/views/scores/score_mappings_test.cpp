#include "una/views/scores/score_mappings.h"

#include <cmath>

#include <gtest/gtest.h>

#include "una/rows/rows_testing.h"
#include "una/views/read_examples.h"

namespace una::views {
namespace {

struct Read {
  std::vector<Example> examples;
  rows::ReadReport report;
};

// Rows of "a.jsonl".
rows::DataOptions options_of(const std::string& folder, const std::string& rows, const std::string& mapping) {
  rows::DataOptions options;
  options.dataset_name = {rows::write_rows(folder, "a.jsonl", rows)};
  options.score_mapping = mapping;
  return options;
}

Read read(const rows::DataOptions& options) {
  Read out;
  out.examples = read_examples(options, out.report, "");
  return out;
}

std::string row(const std::string& answer, const std::string& score, const std::string& more = "") {
  return R"({"prompt": "p", "response": ")" + answer + R"(", "score": )" + score + more + "}\n";
}

std::vector<double> targets(const Read& read) {
  std::vector<double> out;
  for (const Example& example : read.examples) {
    for (const Response& response : example.responses) { out.push_back(response.score.value_or(-1)); }
  }
  return out;
}

void expect_targets(const Read& read, const std::vector<double>& wanted) {
  const std::vector<double> found = targets(read);
  ASSERT_EQ(found.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) { EXPECT_NEAR(found[i], wanted[i], 1e-12) << i; }
}

// Scores without a range, as reward models give them.
const std::string kScores = row("v", "-3") + row("w", "1") + row("x", "1") + row("y", "5") + row("z", "2");

TEST(ScoreMappings, MinMaxPutsTheLowestAtZeroAndTheHighestAtOne) {
  const Read found = read(options_of(test_folder("mapping_min_max"), kScores, "min_max"));
  expect_targets(found, {0, 0.5, 0.5, 1, 0.625});
  EXPECT_EQ(found.report.score_mapping,
            "min_max, lowest score 0, highest 1; a: lowest -3 -> 0, highest 5 -> 1");
  EXPECT_EQ(found.report.json()["score_fits"]["a"]["highest"], 5);
  EXPECT_EQ(found.examples[0].responses[0].raw_score, -3);
}

TEST(ScoreMappings, QuantileIsTheShareBelowAndTiesCountHalf) {
  const Read found = read(options_of(test_folder("mapping_quantile"), kScores, "quantile"));
  expect_targets(found, {0.1, 0.4, 0.4, 0.9, 0.7});
  EXPECT_EQ(found.report.json()["score_fits"]["a"]["percentiles"].size(), 101U);
}

TEST(ScoreMappings, ZScoreGoesThroughTheNormalDistribution) {
  const Read found = read(options_of(test_folder("mapping_z"), kScores, "z_score"));
  const double deviation = std::sqrt((4.2 * 4.2 + 0.04 + 0.04 + 3.8 * 3.8 + 0.64) / 5);  // mean 1.2
  const auto phi = [](double z) { return 0.5 * (1 + std::erf(z / std::sqrt(2.0))); };
  expect_targets(found, {phi(-4.2 / deviation), phi(-0.2 / deviation), phi(-0.2 / deviation),
                         phi(3.8 / deviation), phi(0.8 / deviation)});
  EXPECT_NEAR(phi(1.959963984540054), 0.975, 1e-12);
}

TEST(ScoreMappings, EachSourceIsFittedByItself) {
  const std::string other = R"(, "source": "judge", "score_range": [0, 100])";
  const std::string rows =
      row("a", "1") + row("b", "2") + row("c", "10", other) + row("d", "30", other) + row("e", "20", other);
  const Read found = read(options_of(test_folder("mapping_sources"), rows, "min_max"));
  expect_targets(found, {0, 1, 0, 1, 0.5});
  EXPECT_TRUE(
      rows::contains(found.report.score_mapping, "a: lowest 1 -> 0, highest 2 -> 1; judge: lowest 10"));
}

TEST(ScoreMappings, SentinelsOutsideADeclaredRangeAreMissingAndOthersAreScores) {
  const std::string folder = test_folder("mapping_sentinel");
  rows::DataOptions options = options_of(folder, row("a", "-1") + row("b", "2") + row("c", "4"), "min_max");
  expect_targets(read(options), {0, 0.6, 1});
  options.score_range = {"1", "5"};
  Read found = read(options);
  expect_targets(found, {0, 1});
  EXPECT_EQ(found.report.dropped.at("score missing"), 1);
  options.score_range = {"0", "3"};
  EXPECT_TRUE(
      rows::contains(rows::input_error([&] { read(options); }), "a.jsonl:3: field \"score\" is 4, outside"));
}

TEST(ScoreMappings, ReferenceRewardsFollowTheFitOfTheScores) {
  const std::string folder = test_folder("mapping_reference");
  const std::string rows =
      row("a", "0", R"(, "ref_rewards": [0, 5, 20], "in_ref_rewards": true)") + row("b", "10");
  rows::DataOptions options = options_of(folder, rows, "min_max");
  EXPECT_EQ(read(options).examples[0].responses[0].ref_rewards.scores, (std::vector<double>{0, 0.5, 1}))
      << "beyond the fitted scores: cut";
  options.score_range = {"0", "10"};
  EXPECT_TRUE(rows::contains(rows::input_error([&] { read(options); }),
                             R"("ref_rewards" holds 20, outside the range 0..10)"));
}

TEST(ScoreMappings, MarginsOfPairsAreGapsOfTheirTargets) {
  const std::string rows =
      R"({"prompt": "p", "chosen": "x", "rejected": "y", "score_chosen": 8, "score_rejected": 3})"
      "\n"
      R"({"prompt": "q", "chosen": "x", "rejected": "y", "score_chosen": 7, "score_rejected": 5})"
      "\n";
  const Read found = read(options_of(test_folder("mapping_margin"), rows, "min_max"));
  EXPECT_NEAR(*found.examples[0].margin, 1, 1e-12);
  EXPECT_NEAR(*found.examples[1].margin, 0.4, 1e-12);
}

TEST(ScoreMappings, EvaluationRowsReuseTheFitOfTheTrainingRows) {
  const std::string folder = test_folder("mapping_reuse");
  const Read train = read(options_of(folder, kScores, "min_max"));
  rows::DataOptions options;
  options.score_mapping = "min_max";
  options.score_fits = train.report.score_fits;
  options.dataset_name = {rows::write_rows(folder, "validation.jsonl", row("s", "3") + row("t", "9"))};
  const Read eval = read(options);
  expect_targets(eval, {0.75, 1});
  EXPECT_TRUE(rows::contains(eval.report.score_mapping, "as fitted to the training rows"));
  const Read two = read(
      options_of(folder, kScores + row("u", "1", R"(, "source": "b")") + row("u2", "2", R"(, "source": "b")"),
                 "min_max"));
  options.score_fits = two.report.score_fits;
  EXPECT_TRUE(
      rows::contains(rows::input_error([&] { read(options); }),
                     "validation.jsonl:1: --score_mapping min_max was not fitted to source \"validation\""));
}

TEST(ScoreMappings, WhatCannotBeFittedIsOneSentence) {
  const std::string folder = test_folder("mapping_errors");
  const auto error = [&](const std::string& rows, const std::string& mapping) {
    return rows::input_error([&] { read(options_of(folder, rows, mapping)); });
  };
  EXPECT_TRUE(rows::contains(
      error(row("a", "3") + row("b", "3"), "z_score"),
      "--score_mapping z_score: all 2 scores of source \"a\" are 3, so there is nothing to fit"));
  EXPECT_TRUE(rows::contains(error(R"({"prompt": "a", "chosen": "b", "rejected": "c"})", "min_max"),
                             "--score_mapping min_max: no row has a score that it could be fitted to"));
  EXPECT_TRUE(rows::contains(error(kScores, "zscore"), R"(did you mean "z_score"?)"));
  EXPECT_TRUE(rows::contains(
      error(row("a", "1", R"(, "score_range": [1, 5])") + row("b", "7", R"(, "score_range": [1, 10])"),
            "min_max"),
      "have the range 1..10 here and 1..5 in"));
  EXPECT_TRUE(rows::contains(error(kScores, "range"), "give --score_range lo,hi"));
}

TEST(ScoreMappings, EveryMappingStaysInsideZeroAndOneAndKeepsTheOrder) {
  const std::vector<double> sorted = {-8, -2, 0, 0, 0.5, 3, 40};
  for (const ScoreMapping& mapping : score_mappings()) {
    if (mapping.fit == nullptr) { continue; }
    const std::unique_ptr<rows::ScoreFit> fit = mapping.fit(sorted);
    double before = 0;
    for (const double score : {-1e300, -9.0, -8.0, -1.0, 0.0, 0.2, 3.0, 40.0, 1e9, 1e300}) {
      EXPECT_GE(fit->target(score), before) << mapping.name << " at " << score;
      before = fit->target(score);
    }
    EXPECT_LE(before, 1) << mapping.name;
  }
}

}  // namespace
}  // namespace una::views
