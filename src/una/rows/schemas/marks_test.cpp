#include "una/rows/schemas/marks.h"

#include <gtest/gtest.h>

#include "una/base/format.h"
#include "una/rows/files/row_feed.h"
#include "una/rows/rows_testing.h"

namespace una::rows {
namespace {

// The answer's text without its mark, in each shape of a single answer.
const char* const kSingleAnswers[] = {
    R"("prompt": "p", "completion": "a")",
    R"("prompt": "p", "response": "a")",
    R"("question": "p", "answer": "a")",
    R"("question": "p", "response": "a")",
    R"("instruction": "p", "input": "", "output": "a")",
    R"("conversations": [{"from": "human", "value": "p"}, {"from": "gpt", "value": "a"}])",
    R"("messages": [{"role": "user", "content": "p"}, {"role": "assistant", "content": "a"}])",
    R"("text": "a")",
};

std::string with(const char* row, const std::string& member) { return cat("{", row, ", ", member, "}"); }

TEST(Marks, ALabelBesideAnAnswerIsReadInEveryShape) {
  for (const char* answer : kSingleAnswers) {
    for (const char* name : {"label", "thumbs_up", "is_good", "Liked", "rating", "feedback"}) {
      const ReadRow row = read_text(with(answer, cat("\"", name, "\": false")));
      EXPECT_EQ(row.example.unit, Unit::kBinary) << answer << name;
      EXPECT_EQ(row.example.responses.at(0).label, false) << answer << name;
    }
  }
}

TEST(Marks, AScoreBesideAnAnswerIsReadInEveryShape) {
  for (const char* answer : kSingleAnswers) {
    for (const char* name : {"score", "rating", "reward", "stars", "Grade"}) {
      const ReadRow row = read_text(with(answer, cat("\"", name, "\": 2.5")));
      EXPECT_EQ(row.example.unit, Unit::kScore) << answer << name;
      EXPECT_EQ(row.example.responses.at(0).raw_score, 2.5) << answer << name;
      EXPECT_TRUE(row.scored);
    }
  }
}

TEST(Marks, WhatLooksLikeFeedbackAndCannotBeReadStopsTheRun) {
  for (const char* answer : kSingleAnswers) {
    for (const char* member :
         {R"("feedback": "good")", R"("thumbs": 1)", R"("rating": "4 of 5")", R"("votes": 3)"}) {
      const std::string name = std::string(member).substr(1, std::string(member).find('"', 1) - 1);
      const std::string error = input_error([&] { read_text(with(answer, member)); });
      EXPECT_TRUE(contains(error, cat("rows.jsonl:7: field \"", name, "\" looks like feedback"))) << error;
      EXPECT_TRUE(contains(error, cat("--columns label=", name))) << error;
    }
  }
}

TEST(Marks, APropertyOfTheAnswerStopsTheRun) {
  for (const char* answer : kSingleAnswers) {
    for (const char* member : {R"("was_helpful": false)", R"("flagged": 1)", R"("is_preferred": "No")",
                               R"("passed": true)", R"("likes": 3)", R"("nps": 9)"}) {
      const std::string name = std::string(member).substr(1, std::string(member).find('"', 1) - 1);
      const std::string error = input_error([&] { read_text(with(answer, member)); });
      EXPECT_TRUE(contains(error, cat("field \"", name, "\" looks like feedback"))) << answer << error;
    }
    for (const char* member :
         {R"("passed": 7)", R"("flagged": "by the filter of May")", R"("is_long": true)"}) {
      EXPECT_EQ(read_text(with(answer, member)).example.unit, Unit::kSft) << answer << member;
    }
  }
  const char* pair = R"({"prompt": "p", "completion": "yes", "rejected": "no"})";
  EXPECT_EQ(read_text(pair).example.unit, Unit::kSft) << "a text is another answer, not a mark";
  const char* row = R"({"question": "p", "answer": "a", "rejected": true})";
  EXPECT_TRUE(contains(input_error([&] { read_text(row); }), "\"rejected\" looks like feedback"));
}

TEST(Marks, TheAdviceForANameThatMeansBadTurnsItRound) {
  for (const char* answer : kSingleAnswers) {
    const std::string error = input_error([&] { read_text(with(answer, R"("thumbs_down": true)")); });
    EXPECT_TRUE(
        contains(error, "--columns label=thumbs_down --label_values good=false|0,bad=true|1 reads it"))
        << error;
    RowOptions options;
    options.labels = words::LabelValues({"good=false|0", "bad=true|1"});
    const ReadRow row =
        read_row(parse_json(with(answer, R"("label": true)"), ""), {"rows.jsonl", 7}, options);
    EXPECT_EQ(row.example.responses.at(0).label, false) << answer;
  }
}

TEST(Marks, FeedbackInsideIsFound) {
  for (const char* answer : kSingleAnswers) {
    for (const char* member : {R"("meta": {"user": {"thumb": "down"}})", R"("annotations": [{"rating": 1}])",
                               R"("annotations": [{}, {"value": "bad"}])", R"("meta": {"user_rating": 1})",
                               R"("metadata": "{\"label\": false}")"}) {
      EXPECT_TRUE(contains(input_error([&] { read_text(with(answer, member)); }), "looks like feedback"))
          << answer << member;
    }
    EXPECT_EQ(read_text(with(answer, R"("documents": [{"text": "d", "score": 0.7}])")).example.unit,
              Unit::kSft);
  }
}

TEST(Marks, AMarkNeedsAnAnswer) {
  const char* turns = R"("messages": [{"role": "user", "content": "p"}, {"role": "robot", "content": "a"}])";
  EXPECT_TRUE(
      contains(input_error([&] { read_text(with(turns, R"("label": false)")); }),
               "\"label\" is the mark of an answer, but no turn of \"messages\" has the role assistant"));
  EXPECT_EQ(read_text(with(turns, R"("label": null)")).example.unit, Unit::kPrompt);
  EXPECT_TRUE(contains(
      input_error([&] { read_text(R"({"prompt": "p", "answer_x": "x", "answer_y": "y", "winner": "x"})"); }),
      "no known row shape"));
  EXPECT_EQ(read_text(R"({"messages": []})").drop, "empty prompt");
}

TEST(Marks, ASecondMarkStopsTheRun) {
  for (const char* answer : kSingleAnswers) {
    const std::string error = input_error([&] { read_text(with(answer, R"("label": true, "rating": 2)")); });
    EXPECT_TRUE(contains(error, "\"rating\" looks like feedback")) << answer << error;
    EXPECT_NE(input_error([&] { read_text(with(answer, R"("score": 1, "label": true)")); }), "") << answer;
  }
}

TEST(Marks, AColumnThatIsSetAsideByNameIsNotFeedback) {
  EXPECT_EQ(read_text(R"({"prompt": "p", "completion": "a", "ignored": "good"})").example.unit, Unit::kSft);
  EXPECT_EQ(read_text(R"({"prompt": "p", "completion": "a", "tag": "maths"})").example.unit, Unit::kSft);
}

TEST(Marks, NullsOfATableOfSeveralKindsAreAbsent) {
  const std::string nulls = R"("chosen": null, "rejected": null, "score_range": null)";
  EXPECT_EQ(read_text(cat(R"({"prompt": "p", "completion": "a", "label": true, "score": null, )", nulls, "}"))
                .example.unit,
            Unit::kBinary);
  EXPECT_EQ(read_text(cat(R"({"prompt": "p", "completion": "a", "label": null, "score": 4, )", nulls, "}"))
                .example.unit,
            Unit::kScore);
  EXPECT_EQ(read_text(R"({"prompt": "p", "completion": "a", "label": null, "score": null})").example.unit,
            Unit::kSft);
  EXPECT_EQ(read_text(R"({"prompt": "p", "completion": null, "label": null, "score": null})").example.unit,
            Unit::kPrompt);
  const ReadRow missing = read_text(R"({"prompt": "p", "completion": "a", "score": null, "source": null})");
  EXPECT_EQ(missing.example.unit, Unit::kScore);  // a score that is missing, not a demonstration
  EXPECT_FALSE(missing.example.responses[0].raw_score);
}

TEST(Marks, TurnsMarkedAsNotToBeTrainedOnLeaveWithTheirRow) {
  for (const char* member :
       {R"("weight": 0)", R"("weight": 0.0)", R"("train": false)", R"("loss": false)", R"("loss_weight": 0)",
        R"("weight": "0")", R"("train": "false")", R"("loss_scale": 0.0)", R"("trainable": false)",
        R"("masked": true)", R"("mask": 1)"}) {
    const ReadRow row = read_text(cat(R"({"messages": [{"role": "user", "content": "p", "loss_weight": 0},
      {"role": "assistant", "content": "a", )",
                                      member, "}]}"));
    EXPECT_EQ(row.drop, "answer marked as not to be trained on") << member;
    EXPECT_EQ(row.example.prompt.messages[0].extra, "") << member;
  }
  const ReadRow kept = read_text(R"({"messages": [{"role": "user", "content": "p", "weight": 0},
    {"role": "assistant", "content": "a", "weight": 1}]})");
  EXPECT_EQ(kept.drop, "");
  EXPECT_EQ(kept.example.responses[0].text.messages[0].extra, "");
}

TEST(Marks, ChatsAsJsonTextAreChatsAndPythonsReprIsRefused) {
  for (
      const char* row :
      {R"({"prompt": "[{\"role\": \"user\", \"content\": \"q\"}]", "completion": "a"})",
       R"({"messages": "[{\"role\": \"user\", \"content\": \"q\"}, {\"role\": \"assistant\", \"content\": \"a\"}]"})"}) {
    const ReadRow read = read_text(row);
    EXPECT_EQ(prompt_of(read), "user:q") << row;
    EXPECT_EQ(answer_of(read, 0), "assistant:a") << row;
  }
  const std::string error = input_error(
      [] { read_text(R"({"prompt": "[{'role': 'user', 'content': 'q'}]", "completion": "a"})"); });
  EXPECT_TRUE(contains(error, "field \"prompt\" holds a list of turns as Python's repr")) << error;
  EXPECT_EQ(prompt_of(read_text(R"({"prompt": "[{} is JSON", "completion": "a"})")), "[{} is JSON");
  for (const char* prompt : {R"("{\"role\": \"user\", \"content\": \"q\"}")",
                             R"("\"[{\\\"role\\\": \\\"user\\\", \\\"content\\\": \\\"q\\\"}]\"")"}) {
    EXPECT_EQ(prompt_of(read_text(cat(R"({"prompt": )", prompt, R"(, "completion": "a"})"))), "user:q")
        << prompt;
  }
  for (const char* prompt :
       {R"("[{\"role\": \"user\", \"content\": \"q")", R"("{'role': 'user', 'content': 'q'}")"}) {
    const std::string row = cat(R"({"prompt": )", prompt, R"(, "completion": "a"})");
    EXPECT_TRUE(contains(input_error([&] { read_text(row); }), "holds a list of turns as")) << prompt;
  }
}

TEST(Marks, AShareOfATurnIsRefused) {
  for (const char* member : {R"("weight": 0.5)", R"("loss_weight": -1)", R"("train": "maybe")",
                             R"("train_detail": [{"begin_offset": 0, "end_offset": 1, "train": false}])"}) {
    const std::string row = cat(R"({"messages": [{"role": "user", "content": "p", "weight": 0.5},
      {"role": "assistant", "content": "a", )",
                                member, "}]}");
    EXPECT_TRUE(contains(input_error([&] { read_text(row); }), "una trains on")) << member;
  }
  EXPECT_EQ(read_text(R"({"prompt": "p", "completion": "a", "train": false})").drop,
            "answer marked as not to be trained on");
  EXPECT_EQ(read_text(R"({"prompt": "p", "completion": "a", "loss": 2.5})").drop, "");
}

TEST(Marks, AMarkOfAnyAssistantsTurnStopsTheRun) {
  const auto error_of = [](const char* member) {
    return input_error([&] {
      read_text(
          cat(R"({"messages": [{"role": "user", "content": "p"}, {"role": "assistant", "content": "b", )",
              member, R"(}, {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]})"));
    });
  };
  for (const char* member : {R"("rating": -1)", R"("is_bad": true)", R"("feedback": {"type": "down"})",
                             R"("metadata": {"thumbs": -1})", R"("toxic": true)"}) {
    EXPECT_TRUE(contains(error_of(member), "looks like feedback")) << member;
  }
  for (const char* member : {R"("toxic": false)", R"("redacted": true)", R"("reasoning_content": "bad")",
                             R"("tool_calls": [{"function": {"name": "f", "arguments": {"rating": 1}}}])"}) {
    EXPECT_EQ(error_of(member), "") << member;
  }
}

TEST(Marks, AVerdictUnderAnyNameStopsTheRun) {
  for (const char* answer : kSingleAnswers) {
    for (const char* member :
         {R"("status": "Rejected")", R"("reaction": "\ud83d\udc4e")", R"("outcome": "fail")",
          R"("tags": ["bad"])", R"("corrected_response": "b")"}) {
      EXPECT_NE(input_error([&] { read_text(with(answer, member)); }), "") << answer << member;
    }
    for (const char* member :
         {R"("status": "done")", R"("tags": ["bad", "long"])", R"("corrected_response": "")"}) {
      EXPECT_EQ(read_text(with(answer, member)).example.unit, Unit::kSft) << answer << member;
    }
  }
  const char* classified = R"({"prompt": "Is it good?", "completion": "bad", "class": "bad"})";
  EXPECT_EQ(read_text(classified).example.unit, Unit::kSft) << "the answer itself is not a mark of it";
}

TEST(Marks, AMarkNextToTwoAnswersIsRefused) {
  const char* row = R"({"question": "q", "response": "a", "answer": "b", "is_correct": false)";
  EXPECT_TRUE(contains(input_error([&] { read_text(cat(row, "}")); }),
                       "not clear which one \"is_correct\" is about"));
  EXPECT_EQ(read_text(R"({"prompt": "q", "completion": "a", "response": "a", "label": false})").example.unit,
            Unit::kBinary);
  EXPECT_EQ(read_text(R"({"question": "q", "response": "a", "answer": "b"})").example.unit, Unit::kSft);
}

TEST(Marks, APairThatIsNoneIsRefused) {
  const auto error_of = [](const char* member) {
    return input_error([&] {
      read_text(cat(R"({"prompt": "p", "chosen": "answer_b", "rejected": "answer_a", )", member, "}"));
    });
  };
  for (const char* member : {R"("tie": true)", R"("status": "tie")", R"("is_tie": true)"}) {
    EXPECT_TRUE(contains(error_of(member), "equally good")) << member;
  }
  EXPECT_TRUE(contains(error_of(R"("answer_a": "x", "answer_b": "y")"),
                       "is only named by \"chosen\" or \"rejected\""));
  EXPECT_TRUE(contains(error_of(R"("margin": -2)"), "must not be negative"));
  EXPECT_TRUE(contains(error_of(R"("better": "rejected")"), "looks like feedback"));
  EXPECT_EQ(error_of(R"("tie": false, "status": "swapped", "margin": 0)"), "");
}

std::string turn(const char* role, const char* content) {
  return cat(R"({"role": ")", role, R"(", "content": ")", content, R"("})");
}

TEST(Marks, AQuestionThatTheListsRepeatIsReadOnce) {
  const std::string system = turn("system", "s"), user = turn("user", "q"), good = turn("assistant", "g"),
                    bad = turn("assistant", "b");
  const auto read = [&](const std::string& prompt, const std::string& before) {
    return read_text(cat(R"({"prompt": )", prompt, R"(, "chosen": [)", before, good, R"(], "rejected": [)",
                         before, bad, "]}"));
  };
  for (const ReadRow& row :
       {read("\"q\"", user + ", "), read(cat("[", user, "]"), user + ", "), read(cat("[", user, "]"), "")}) {
    EXPECT_EQ(prompt_of(row), "user:q");
    EXPECT_EQ(answer_of(row, 0), "assistant:g");
    EXPECT_EQ(answer_of(row, 1), "assistant:b");
  }
  for (const ReadRow& row :
       {read(cat("[", system, ", ", user, "]"), user + ", "), read("\"q\"", cat(system, ", ", user, ", ")),
        read(cat("[", user, "]"), cat(system, ", ", user, ", "))}) {
    EXPECT_EQ(prompt_of(row), "system:s|user:q");
    EXPECT_EQ(answer_of(row, 0), "assistant:g");
    EXPECT_EQ(answer_of(row, 1), "assistant:b");
  }
}

TEST(Marks, AStringThatBeginsWithThePromptIsReadWithoutIt) {
  const std::string prompt = "Human: what colour is it? Assistant:";
  const ReadRow row = read_text(cat(R"({"prompt": ")", prompt, R"(", "chosen": ")", prompt,
                                    R"( blue", "rejected": ")", prompt, R"( seven"})"));
  EXPECT_EQ(answer_of(row, 0), " blue");
  EXPECT_EQ(answer_of(row, 1), " seven");
  const ReadRow one = read_text(
      cat(R"({"prompt": ")", prompt, R"(", "chosen": ")", prompt, R"( blue", "rejected": "seven"})"));
  EXPECT_EQ(answer_of(one, 0), prompt + " blue") << "only where all answers begin with it";
  EXPECT_EQ(answer_of(read_text(R"({"prompt": "The", "completion": "The end"})"), 0), "The end");
}

TEST(Marks, SpeakersAreReadUnderAnyOfTheirNames) {
  const ReadRow row =
      read_text(R"({"messages": [{"role": "Human", "content": "q"}, {"role": "chatgpt", "content": "a"}]})");
  EXPECT_EQ(prompt_of(row), "user:q");
  EXPECT_EQ(answer_of(row, 0), "assistant:a");
}

TEST(Marks, TurnsBehindTheLastAnswerAreCounted) {
  DataOptions options;
  options.dataset_name = {write_rows(test_folder("turns_behind"), "rows.jsonl",
                                     cat(R"({"messages": [)", turn("user", "p"), ", ", turn("assistant", "a"),
                                         ", ", turn("user", "thanks"), "]}\n"))};
  ReadReport report;
  EXPECT_EQ(read_counted(options, report).size(), 1U);
  EXPECT_EQ(report.unused.at("turns behind the last answer"), 1);
}

TEST(Marks, AToolCallWithoutContentIsReadAsNullContent) {
  const ReadRow row = read_text(R"({"messages": [{"role": "user", "content": "p"},
    {"role": "assistant", "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": {}}}]}]})");
  EXPECT_EQ(row.example.responses[0].text.messages[0].content, "");
  EXPECT_TRUE(contains(row.example.responses[0].text.messages[0].extra, "tool_calls"));
}

}  // namespace
}  // namespace una::rows
