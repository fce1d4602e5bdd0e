#include "una/views/scores/reference_columns.h"

#include <gtest/gtest.h>

#include "una/base/format.h"
#include "una/rows/rows_testing.h"
#include "una/views/read_examples.h"

namespace una::views {
namespace {

std::vector<Example> read_all(const std::string& text, rows::DataOptions options = {}) {
  options.dataset_name = {rows::write_rows(test_folder("reference_columns"), "rows.jsonl", text)};
  rows::ReadReport report;
  return read_examples(options, report, "");
}

std::string refusal(const std::string& text) {
  return rows::input_error([&] { read_all(text); });
}

constexpr const char* kRow =
    R"({"prompt": "p", "response": "a", "score": 4, "score_range": [1, 5], "sampled_from": "ref",)"
    R"( "ref_rewards": [1, 4, 3], "in_ref_rewards": true})";

TEST(ReferenceColumns, RewardsAreKeptRawAndMappedAsTheScoreIs) {
  const Response response = read_all(kRow).at(0).responses.at(0);
  EXPECT_EQ(response.ref_rewards.raw, (std::vector<double>{1, 4, 3}));
  EXPECT_EQ(response.ref_rewards.scores, (std::vector<double>{0, .75, .5}));
  EXPECT_TRUE(response.ref_rewards.has_own);
  EXPECT_EQ(response.sampler, Sampler::kReference);
}

TEST(ReferenceColumns, AllAnswersOfARowShareThem) {
  const rows::ReadRow row = rows::read_text(
      R"({"prompt": "p", "responses": [{"content": "a", "score": 0.5}, {"content": "b", "score": 1}],)"
      R"( "sampled_from": "policy", "ref_rewards": [0.25]})");
  for (const Response& response : row.example.responses) {
    EXPECT_EQ(response.sampler, Sampler::kPolicy);
    EXPECT_EQ(response.ref_rewards.raw, (std::vector<double>{.25}));
  }
  const rows::ReadRow plain = rows::read_text(R"({"prompt": "p", "completion": "a", "label": true})");
  EXPECT_EQ(plain.example.responses[0].sampler, Sampler::kUnknown);
  EXPECT_TRUE(plain.example.responses[0].ref_rewards.raw.empty());
}

TEST(ReferenceColumns, LabelsHaveRewardsOfOneAndZero) {
  const Example row =
      read_all(
          R"({"prompt": "p", "completion": "a", "label": true, "ref_rewards": [1, 0, 0], "in_ref_rewards": true})")
          .at(0);
  EXPECT_EQ(row.responses[0].ref_rewards.scores, (std::vector<double>{1, 0, 0}));
  EXPECT_TRUE(
      rows::contains(refusal(R"({"prompt": "p", "completion": "a", "label": true, "ref_rewards": [3]})"),
                     "rows.jsonl:1: field \"ref_rewards\" holds 3"));
}

TEST(ReferenceColumns, MistakesAreNamedByFileLineAndField) {
  const auto row = [](const std::string& members) {
    return cat(R"({"prompt": "p", "response": "a", "score": 0.5, )", members, "}");
  };
  EXPECT_TRUE(rows::contains(refusal(row(R"("ref_rewards": 3)")), "rows.jsonl:1: field \"ref_rewards\""));
  EXPECT_TRUE(rows::contains(refusal(row(R"("ref_rewards": [])")), "is empty"));
  EXPECT_TRUE(rows::contains(refusal(row(R"("ref_rewards": [0.5, "x"])")), "field \"ref_rewards[1]\""));
  EXPECT_TRUE(rows::contains(refusal(row(R"("ref_rewards": [0.5, 7])")), "--score_range"));
  EXPECT_TRUE(rows::contains(refusal(row(R"("sampled_from": "teacher")")), "must be \"ref\""));
  EXPECT_TRUE(rows::contains(refusal(row(R"("in_ref_rewards": true)")), "without ref_rewards"));
  EXPECT_TRUE(rows::contains(refusal(row(R"("ref_rewards": [0.25], "in_ref_rewards": true)")), "not among"));
  EXPECT_TRUE(rows::contains(refusal(row(R"("ref_rewards": [0.5], "in_ref_rewards": 1)")), "in_ref_rewards"));
}

TEST(ReferenceColumns, BestAndWorstOfManyAreNoSampleOfTheReference) {
  const auto text = [](int answers) {
    std::string rows;
    for (int i = 0; i < answers; ++i) {
      rows += cat(R"({"prompt": "p", "response": "a)", i, R"(", "score": 0.)", i + 1,
                  R"(, "sampled_from": "ref"})", "\n");
    }
    return rows;
  };
  EXPECT_EQ(read_all(text(2), {.feedback = "pairwise"}).at(0).responses[0].sampler, Sampler::kReference);
  EXPECT_EQ(read_all(text(3), {.feedback = "pairwise"}).at(0).responses[0].sampler, Sampler::kUnknown);
  EXPECT_EQ(read_all(text(3), {.feedback = "group"}).at(0).responses[2].sampler, Sampler::kReference);
}

TEST(ReferenceColumns, EqualSamplesAreNoDuplicates) {
  const std::string row = R"({"prompt": "p", "response": "a", "score": 0.5)";
  EXPECT_EQ(read_all(row + "}\n" + row + "}\n").size(), 1U);
  EXPECT_EQ(read_all(row + R"(, "sampled_from": "ref"})" + "\n" + row + R"(, "sampled_from": "ref"})").size(),
            2U);
}

}  // namespace
}  // namespace una::views
