#include "una/demo/feedback.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/testing.h"
#include "una/demo/dialogue/dialogue.h"

namespace una::demo {
namespace {

const Task& task() { return find_task("dialogue"); }

std::vector<std::string> prompts_of(Split split, std::int64_t n, std::uint64_t seed) {
  return task().make_prompts(n, seed, split);
}

Judged small(std::size_t k = 2, std::int64_t n = 60) {
  const std::vector<std::string> prompts = prompts_of(Split::kFeedback, n, 2);
  std::vector<std::vector<std::string>> answers(prompts.size());
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    Rng rng(4, 4, i);
    for (std::size_t j = 0; j < k; ++j) { answers[i].push_back(task().make_answer(prompts[i], 0.5, rng)); }
  }
  return judge(task(), prompts, answers, 13);
}

std::multiset<std::string> texts(const std::vector<Example>& rows) {
  std::multiset<std::string> out;
  for (const Example& row : rows) {
    for (const Response& response : row.responses) {
      out.insert(row.prompt.plain + "|" + response.text.plain);
    }
  }
  return out;
}

TEST(Feedback, OfEveryKindHoldsTheSameAnswers) {
  const Judged judged = small();
  const auto all = texts(score_rows(judged));
  EXPECT_EQ(all.size(), 2 * judged.prompts.size());
  EXPECT_EQ(texts(pair_rows(judged)), all);
  EXPECT_EQ(texts(binary_rows(judged)), all);
  EXPECT_EQ(texts(group_rows(judged)), all);
  EXPECT_EQ(texts(mixed_rows(judged)), all);
  EXPECT_EQ(count_responses(mixed_rows(judged)), static_cast<std::int64_t>(all.size()));
}

TEST(Feedback, OfEveryKindAgreesWithTheScores) {
  const Judged judged = small(3);
  std::map<std::string, double> scores;
  for (const Example& row : score_rows(judged)) {
    scores[row.prompt.plain + "|" + row.responses[0].text.plain] = row.responses[0].score.value();
  }
  const auto score_of = [&](const Example& row, std::size_t i) {
    return scores.at(row.prompt.plain + "|" + row.responses[i].text.plain);
  };
  for (const Example& row : pair_rows(judged)) {
    EXPECT_GT(score_of(row, 0), score_of(row, 1));
    EXPECT_EQ(row.margin, score_of(row, 0) - score_of(row, 1));
  }
  for (const Example& row : binary_rows(judged)) {
    EXPECT_EQ(row.responses[0].label, score_of(row, 0) > judged.threshold);
  }
  for (const Example& row : group_rows(judged)) {
    ASSERT_EQ(row.responses.size(), 3U);
    for (std::size_t i = 0; i < 3; ++i) { EXPECT_EQ(row.responses[i].score, score_of(row, i)); }
  }
}

TEST(Feedback, PairsOfThreeTakeBestAndWorst) {
  Judged judged;
  judged.prompts.push_back({.prompt = prompts_of(Split::kFeedback, 1, 1)[0],
                            .answers = {"middle", "best", "worst"},
                            .gold = {0.5, 0.5, 0.5},
                            .noisy = {0.5, 0.9, 0.1}});
  const std::vector<Example> rows = pair_rows(judged);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].responses[0].text.plain, "best");
  EXPECT_EQ(rows[0].responses[1].text.plain, "worst");
  EXPECT_DOUBLE_EQ(rows[0].margin.value(), 0.8);
}

TEST(Feedback, EqualScoresLeaveThePromptOut) {
  const std::vector<dialogue::Prompt> two = dialogue::make_prompts(2, 2, Split::kFeedback);
  const std::vector<std::string> prompts = {two[0].text(), two[1].text()};
  const std::string right = ideal_answer(two[0], 0), as_right = ideal_answer(two[0], 1);
  const Judged judged = judge(task(), prompts, {{right, as_right}, {ideal_answer(two[1], 0), "no"}}, 1, 0);
  ASSERT_EQ(judged.prompts.size(), 1U);
  EXPECT_EQ(judged.left_out, 1);
  EXPECT_EQ(judged.prompts[0].prompt, prompts[1]);
  Judged tied = small();
  tied.prompts[0].noisy = {0.5, 0.5};
  EXPECT_THROW(pair_rows(tied), InternalError);
}

TEST(Feedback, KeepsTheFirstPromptsAndTheirMedian) {
  Judged judged = small();
  const std::vector<JudgedPrompt> all = judged.prompts;
  keep_first(judged, 1);
  ASSERT_EQ(judged.prompts.size(), 1U);
  EXPECT_EQ(judged.prompts[0].prompt, all[0].prompt);
  EXPECT_DOUBLE_EQ(judged.threshold, (all[0].noisy[0] + all[0].noisy[1]) / 2);
  EXPECT_THROW(keep_first(judged, 2), InputError);
}

TEST(Feedback, AboutHalfTheThumbsAreUp) {
  const Judged judged = small(2, 400);
  const std::vector<Example> rows = binary_rows(judged);
  const auto up = std::count_if(rows.begin(), rows.end(),
                                [](const Example& row) { return row.responses[0].label.value(); });
  EXPECT_NEAR(static_cast<double>(up) / static_cast<double>(rows.size()), 0.5, 0.01);
}

TEST(Feedback, EmptyAndEqualAnswersLeaveThePromptOut) {
  const std::vector<std::string> prompts = prompts_of(Split::kFeedback, 4, 2);
  const Judged judged = judge(task(), prompts, {{"a", "b"}, {"a", "a"}, {"a", " "}, {"", ""}}, 1);
  EXPECT_EQ(judged.prompts.size(), 1U);
  EXPECT_EQ(judged.left_out, 3);
}

TEST(Feedback, NoiseHasTheStatedDeviationAndIsKeyedByPrompt) {
  double sum = 0, square = 0;
  for (std::uint64_t i = 0; i < 4000; ++i) {
    Rng rng(1, 2, i);
    const double error = noisy_score(0.5, 0.1, rng) - 0.5;
    sum += error;
    square += error * error;
  }
  EXPECT_NEAR(sum / 4000, 0, 0.005);
  EXPECT_NEAR(std::sqrt(square / 4000), 0.1, 0.004);
  Rng rng(1, 2);
  for (int i = 0; i < 100; ++i) {
    const double noisy = noisy_score(1, 0.5, rng);
    EXPECT_GE(noisy, 0);
    EXPECT_LE(noisy, 1);
  }
  const Judged many = small(2, 30), few = small(2, 10);
  for (std::size_t i = 0; i < few.prompts.size(); ++i) {
    EXPECT_EQ(few.prompts[i].noisy, many.prompts[i].noisy);
  }
}

TEST(Feedback, TeacherIsFlawedAsDocumented) {
  const std::vector<std::string> prompts = prompts_of(Split::kTrain, 1500, 3);
  double sum = 0;
  std::size_t perfect = 0;
  const std::vector<Example> rows = sft_rows(task(), prompts, 3);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double value = task().gold(prompts[i], rows[i].responses[0].text.plain);
    sum += value;
    perfect += value == 1 ? 1 : 0;
    EXPECT_EQ(rows[i].prompt.plain, prompts[i]);
    EXPECT_EQ(rows[i].unit, Unit::kSft);
  }
  EXPECT_NEAR(sum / 1500, 0.61, 0.04);
  EXPECT_GT(perfect, 150U);
  EXPECT_EQ(row_json(sft_rows(task(), prompts, 3)[7]).dump(), row_json(rows[7]).dump());
  EXPECT_NE(row_json(sft_rows(task(), prompts, 4)[7]).dump(), row_json(rows[7]).dump());
}

TEST(Feedback, RowsHaveTheNativeForm) {
  Judged judged;
  judged.prompts.push_back({.prompt = "inform(name='red wok')",
                            .answers = {"good \"one\"", "bad"},
                            .gold = {1, 0},
                            .noisy = {0.75, 0.25}});
  const std::string prompt = R"x({"prompt":"inform(name='red wok')",)x";
  EXPECT_EQ(row_json(pair_rows(judged)[0]).dump(),
            prompt + R"("chosen":"good \"one\"","rejected":"bad","margin":0.5,"source":"demo_pair"})");
  EXPECT_EQ(row_json(binary_rows(judged)[1]).dump(),
            prompt + R"("completion":"bad","label":false,"source":"demo_binary"})");
  EXPECT_EQ(
      row_json(score_rows(judged)[0]).dump(),
      prompt + R"("completion":"good \"one\"","score":0.75,"score_range":[0,1],"source":"demo_score"})");
  EXPECT_EQ(row_json(group_rows(judged)[0]).dump(),
            prompt +
                R"("responses":[{"content":"good \"one\"","score":0.75},{"content":"bad","score":0.25}],)" +
                R"("score_range":[0,1],"source":"demo_group"})");
  EXPECT_EQ(row_json(prompt_rows({judged.prompts[0].prompt}, "held_out")[0]).dump(),
            prompt + R"("source":"held_out"})");
}

TEST(Feedback, FilesHoldOneRowALine) {
  const std::string path = test_folder("demo_feedback") + "/rows.jsonl";
  const std::vector<Example> rows = mixed_rows(small());
  write_rows(path, rows);
  const std::vector<std::string> lines = split(read_file(path), '\n');
  ASSERT_EQ(lines.size(), rows.size() + 1);  // the last line ends with a newline too
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(parse_json(lines[i], path), row_json(rows[i]));
    EXPECT_EQ(rows[i].where.line, static_cast<std::int64_t>(i) + 1);
  }
  EXPECT_THROW(write_rows(test_folder("demo_feedback2"), rows), InputError);
}

TEST(Feedback, BytesThatAreNoTextAreReplacedInFiles) {
  Judged judged;
  judged.prompts.push_back({.prompt = "inform(name='red wok')",
                            .answers = {"\xff broken", "bad"},
                            .gold = {1, 0},
                            .noisy = {0.75, 0.25}});
  const std::string path = test_folder("demo_bytes") + "/rows.jsonl";
  EXPECT_NO_THROW(write_rows(path, pair_rows(judged)));
}

}  // namespace
}  // namespace una::demo
