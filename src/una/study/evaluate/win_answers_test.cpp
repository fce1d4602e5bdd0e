#include "una/study/evaluate/win_answers.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una::study {
namespace {

wins::QuestionRow question(const std::string& text) {
  wins::QuestionRow row;
  row.where = {"rows.jsonl", 7};
  row.prompt.prompt = {.is_chat = true, .plain = "", .messages = {{"user", text, ""}}};
  return row;
}

// Roles and contents on one line.
std::string shown(const Text& text) {
  std::string out;
  for (const Message& message : text.messages) {
    out += message.role.substr(0, 1) + ":" + message.content + " ";
  }
  return out;
}

std::string file_with(const std::string& name, const std::string& text) {
  std::string path = test_folder("win_answers_" + name) + "/other.jsonl";
  write_file(path, text);
  return path;
}

std::string refusal(const std::string& path, const std::vector<wins::QuestionRow>& rows) {
  try {
    read_other_answers(path, rows);
  } catch (const InputError& error) { return error.what(); }
  return "";
}

TEST(WinAnswers, ATurnIsJudgedWithTheTurnsBeforeIt) {
  wins::QuestionRow row = question("q1");
  row.later_turns = {"q2"};
  row.references = {"r1", "r2"};
  const wins::WrittenAnswer answer{.turns = {"a1", "a2"}};
  const reward::Question first = question_of_turn(row, answer, 0), second = question_of_turn(row, answer, 1);
  EXPECT_EQ(shown(first.prompt), "u:q1 ");
  EXPECT_EQ(first.answer.plain, "a1");
  EXPECT_EQ(first.ground_truth, "r1");
  EXPECT_EQ(shown(second.prompt), "u:q1 a:a1 u:q2 ");
  EXPECT_EQ(second.answer.plain, "a2");
  EXPECT_EQ(second.ground_truth, "r2");
  row.references.clear();
  EXPECT_FALSE(question_of_turn(row, answer, 1).ground_truth.has_value());
}

TEST(WinAnswers, TwoAnswersToOnePromptAreRefused) {
  const std::string same = "{\"prompt\": \"a\", \"answer\": \"to a\"}\n";
  EXPECT_EQ(refusal(file_with("same", same + same), {question("a")}), "");
  const std::string path = file_with("twice", same + "{\"prompt\": \"a\", \"answer\": \"else\"}\n");
  EXPECT_EQ(refusal(path, {question("a")}),
            path + ":2: a second, different answer to the same prompt; keep one of them");
}

TEST(WinAnswers, AnswersOfAFileAreFoundByTheirPrompt) {
  const std::string path = file_with("found",
                                     "{\"instruction\": \"b\", \"output\": \"to b\"}\n"
                                     "{\"prompt\": \"a\", \"completion\": \"to a\"}\n"
                                     "{\"prompt\": \"c\", \"answer\": \"to c\", \"output\": \"not this\"}\n");
  const WrittenAnswers answers = read_other_answers(path, {question("a"), question("c"), question("b")});
  ASSERT_EQ(answers.size(), 3U);
  EXPECT_EQ(answers[0].turns, std::vector<std::string>{"to a"});
  EXPECT_EQ(answers[1].turns, std::vector<std::string>{"to c"});
  EXPECT_EQ(answers[2].turns, std::vector<std::string>{"to b"});
}

TEST(WinAnswers, WhatIsMissingIsNamed) {
  const std::string one = file_with("one", "{\"prompt\": \"a\", \"answer\": \"x\"}\n");
  EXPECT_NE(refusal(one, {question("b")}).find("there is no answer to the prompt of rows.jsonl:7"),
            std::string::npos);
  wins::QuestionRow two = question("a");
  two.later_turns = {"more"};
  EXPECT_NE(refusal(one, {two}).find("cannot be compared with mt_bench's two"), std::string::npos);
  const std::string bad = file_with("bad", "{\"prompt\": \"a\", \"answer\": 3}\n");
  EXPECT_NE(refusal(bad, {question("a")}).find("other.jsonl:1: a row of answers has prompt"),
            std::string::npos);
}

}  // namespace
}  // namespace una::study
