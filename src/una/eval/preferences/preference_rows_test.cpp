#include "una/eval/preferences/preference_rows.h"

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::eval {
namespace {

std::vector<rows::JsonRow> rows_of(const std::vector<Json>& values) {
  std::vector<rows::JsonRow> out;
  for (const Json& value : values) { out.push_back({value, {"rows.jsonl", std::ssize(out) + 1}}); }
  return out;
}

TEST(PreferenceRows, TheChosenAnswerOfAPairIsFirst) {
  std::int64_t left_out = 0;
  const std::vector<PreferenceRow> rows =
      read_pairs(rows_of({{{"prompt", "q"}, {"chosen", "good"}, {"rejected", "bad"}, {"subset", "hep"}},
                          {{"prompt", "q"}, {"chosen", "good"}, {"rejected", "bad"}, {"subset", nullptr}}}),
                 false, left_out);
  ASSERT_EQ(rows.size(), 2U);
  ASSERT_EQ(rows[0].answers.size(), 2U);
  EXPECT_EQ(reward::answer_text(rows[0].answers[0].answer), "good");
  EXPECT_EQ(reward::answer_text(rows[0].answers[1].answer), "bad");
  EXPECT_EQ(rows[0].right, 1U);
  EXPECT_EQ(rows[0].subset, "hep");
  EXPECT_EQ(rows[1].subset, "");
  EXPECT_EQ(left_out, 0);
}

TEST(PreferenceRows, EqualAnswersAreLeftOutAndCounted) {
  std::int64_t left_out = 0;
  const std::vector<PreferenceRow> rows =
      read_pairs(rows_of({{{"prompt", "q"}, {"chosen", "same"}, {"rejected", "same"}},
                          {{"prompt", "q"}, {"chosen", "a"}, {"rejected", "b"}}}),
                 false, left_out);
  EXPECT_EQ(left_out, 1);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].where.line, 2);
}

TEST(PreferenceRows, ARowWithOneAnswerIsNamed) {
  std::int64_t left_out = 0;
  try {
    read_pairs(rows_of({{{"prompt", "q"}, {"completion", "a"}, {"label", true}}}), false, left_out);
    FAIL();
  } catch (const InputError& error) {
    EXPECT_EQ(std::string(error.what()), "rows.jsonl:1: the row is not a pair (prompt, chosen, rejected)");
  }
}

TEST(PreferenceRows, BestOfRowsHaveSeveralRightAnswersInFront) {
  const Json row{{"prompt", "q"},
                 {"chosen", {"a", "b"}},
                 {"rejected", {"c", "d", "e"}},
                 {"subset", "Ties"},
                 {"id", "tied:7"}};
  const PreferenceRow best = read_best_of(rows_of({row}), false).at(0);
  EXPECT_EQ(best.right, 2U);
  EXPECT_EQ(best.id, "tied:7");
  std::string texts;
  for (const reward::Question& question : best.answers) { texts += reward::answer_text(question.answer); }
  EXPECT_EQ(texts, "abcde");
  EXPECT_FALSE(best.answers[0].prompt.is_chat);
  const PreferenceRow chat = read_best_of(rows_of({row}), true).at(0);
  EXPECT_EQ(chat.answers[4].prompt.messages.at(0).role, "user");
  EXPECT_EQ(chat.answers[4].answer.messages.at(0).role, "assistant");
  EXPECT_EQ(chat.answers[4].answer.messages.at(0).content, "e");
}

TEST(PreferenceRows, ANumberMayBeAnId) {
  const PreferenceRow best = read_best_of(
      rows_of({{{"prompt", "q"}, {"chosen", {"a"}}, {"rejected", {"b"}}, {"subset", "Math"}, {"id", 12}}}),
      false)[0];
  EXPECT_EQ(best.id, "12");
  EXPECT_THROW(read_best_of(rows_of({{{"prompt", "q"}, {"chosen", {"a"}}, {"rejected", {"b"}}}}), false),
               InputError)
      << "no subset";
}

}  // namespace
}  // namespace una::eval
