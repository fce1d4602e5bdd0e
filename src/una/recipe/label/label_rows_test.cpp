#include "una/recipe/label/label_rows.h"

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::recipe {
namespace {

// The score is the number of letters; answers with an x have none.
class Letters final : public reward::Reward {
 public:
  std::vector<reward::Verdict> score(const std::vector<reward::Question>& questions) override {
    std::vector<reward::Verdict> out;
    for (const reward::Question& question : questions) {
      const std::string& text = question.answer.plain;
      out.push_back(text.find('x') == std::string::npos ? reward::scored(static_cast<double>(text.size()))
                                                        : reward::failed("an x"));
    }
    return out;
  }
  std::string description() const override { return "letters"; }
};

Example row(const std::vector<std::string>& answers) {
  Example out;
  out.where = {"rows.jsonl", 7};
  out.prompt.plain = "q";
  for (const std::string& answer : answers) {
    out.responses.emplace_back();
    out.responses.back().text.plain = answer;
  }
  return out;
}

Labels judge(const Example& example) {
  Letters letters;
  return label_rows(letters, {&example}).at(0);
}

TEST(LabelRows, VerdictsGoToTheirRows) {
  Letters letters;
  const Example a = row({"a", "bb"}), b = row({"ccc"});
  const std::vector<Labels> labels = label_rows(letters, {&a, &b});
  EXPECT_EQ(labels.at(0).verdicts.at(1).score, 2);
  EXPECT_EQ(labels.at(1).verdicts.at(0).score, 3);
}

TEST(LabelRows, OneAnswerIsAScoreRowAndSeveralAreAGroup) {
  const Example one = row({"abc"}), two = row({"a", "bb"});
  EXPECT_EQ(labelled_row(one, judge(one), {})->dump(), R"({"prompt":"q","completion":"abc","score":3.0})");
  EXPECT_EQ(labelled_row(two, judge(two), {.range = reward::ScoreScale{0, 9}})->dump(),
            R"({"prompt":"q","responses":[{"content":"a","score":1.0},{"content":"bb","score":2.0}],)"
            R"("score_range":[0.0,9.0]})");
}

TEST(LabelRows, AnswersWithoutAScoreAreLeftOutWithTheirReason) {
  const Example example = row({"ax", "bb"});
  const Labels labels = judge(example);
  EXPECT_EQ(labelled_row(example, labels, {})->at("completion"), "bb");
  const std::vector<Json> others = left_out(example, labels, {});
  ASSERT_EQ(others.size(), 1U);
  EXPECT_EQ(others[0].dump(), R"({"file":"rows.jsonl","line":7,"response":0,"reason":"an x"})");
  EXPECT_FALSE(labelled_row(row({"x"}), judge(row({"x"})), {}));
}

TEST(LabelRows, AScoreOutsideItsRangeIsRefusedAtItsRow) {
  const Example example = row({"abcdef"});
  try {
    labelled_row(example, judge(example), {.range = reward::ScoreScale{0, 3}});
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("rows.jsonl:7"), std::string::npos);
  }
}

TEST(LabelRows, APreferenceBecomesAPairAndATieNone) {
  const Example example = row({"a", "bb"});
  Labels labels = judge(example);
  const LabelFormat pairs{.kind = LabelKind::kPairs, .range = {}};
  labels.preference = reward::Comparer::Preference::kSecond;
  EXPECT_EQ(labelled_row(example, labels, pairs)->dump(), R"({"prompt":"q","chosen":"bb","rejected":"a"})");
  labels.preference = reward::Comparer::Preference::kTie;
  EXPECT_FALSE(labelled_row(example, labels, pairs));
  EXPECT_EQ(left_out(example, labels, pairs).at(0).at("reason"), "tie");
}

TEST(LabelRows, TheSummaryCountsAndNamesTheFirstFailure) {
  LabelSummary summary;
  for (const Example& example : {row({"a", "bbb"}), row({"x"})}) { summary.add(example, judge(example)); }
  const std::string text = summary.text(LabelKind::kScores);
  EXPECT_NE(text.find("2 labelled, 1 missing; mean 2"), std::string::npos) << text;
  EXPECT_NE(text.find("rows.jsonl:7: an x"), std::string::npos) << text;
  EXPECT_FALSE(summary.is_constant());
}

}  // namespace
}  // namespace una::recipe
