#include "una/rows/schemas/schema.h"

#include <gtest/gtest.h>

#include "una/rows/drops.h"
#include "una/rows/rows_testing.h"

namespace una::rows {
namespace {

TEST(Schema, ATrlPairOfStringsKeepsItsStringsAsPlainText) {
  const ReadRow row = read_text(R"({"prompt": "Say hi", "chosen": " Hi", "rejected": " No", "margin": 0.5})");
  EXPECT_STREQ(row.shape, "TRL pair (strings)");
  EXPECT_EQ(row.example.unit, Unit::kPair);
  EXPECT_EQ(prompt_of(row), "Say hi");
  EXPECT_EQ(answer_of(row, 0), " Hi");
  EXPECT_EQ(answer_of(row, 1), " No");
  EXPECT_EQ(row.example.margin, 0.5);
  EXPECT_FALSE(row.scored);
}

TEST(Schema, AnAnswerThatWasCutIsLeftOut) {
  const char* cut = kUnfinished;
  EXPECT_EQ(read_text(R"({"prompt": "p", "completion": "an ans", "finish": "length"})").drop, cut);
  EXPECT_EQ(read_text(R"({"prompt": "p", "completion": "an ans", "finish_reason": "length"})").drop, cut);
  EXPECT_EQ(read_text(R"({"prompt": "p", "completion": "an answer", "finish": "eos"})").drop, "");
  EXPECT_EQ(read_text(R"({"prompt": "p", "finish": "length"})").drop, "") << "a prompt alone is whole";
}

TEST(Schema, AConversationalPairBecomesChats) {
  const ReadRow row = read_text(R"({"prompt": [{"role": "user", "content": "Hi"}],
    "chosen": [{"role": "assistant", "content": "A"}], "rejected": [{"role": "assistant", "content": "B"}],
    "tools": [{"name": "f"}], "chat_template_kwargs": {"enable_thinking": false}})");
  EXPECT_STREQ(row.shape, "TRL pair (conversational)");
  EXPECT_EQ(prompt_of(row), "user:Hi");
  EXPECT_EQ(answer_of(row, 0), "assistant:A");
  EXPECT_EQ(answer_of(row, 1), "assistant:B");
  EXPECT_EQ(row.example.tools, R"([{"name":"f"}])");
  EXPECT_EQ(row.example.template_kwargs, R"({"enable_thinking":false})");
}

TEST(Schema, AStringPromptBesideListsThatBeginWithTheUserTurnIsIgnored) {
  const ReadRow row = read_text(R"({"prompt": "Hi", "prompt_id": "x",
    "chosen": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "A"}],
    "rejected": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "B"}],
    "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "A"}],
    "score_chosen": 9.0, "score_rejected": 4.5})");
  EXPECT_STREQ(row.shape, "UltraFeedback binarized");
  EXPECT_EQ(prompt_of(row), "user:Hi");
  EXPECT_EQ(answer_of(row, 0), "assistant:A");
  EXPECT_EQ(answer_of(row, 1), "assistant:B");
  EXPECT_EQ(row.example.responses[0].raw_score, 9.0);
  EXPECT_EQ(row.example.responses[1].raw_score, 4.5);
  EXPECT_EQ(row.range->lo, 1);
  EXPECT_EQ(row.range->hi, 10);
}

TEST(Schema, UltrafeedbackScoresAreFoundInsideMetadata) {
  const ReadRow row = read_text(R"({"prompt": "p", "chosen": "a", "rejected": "b",
    "metadata": {"score_chosen": 8, "score_rejected": null}})");
  EXPECT_STREQ(row.shape, "UltraFeedback binarized");
  EXPECT_TRUE(row.scored);
  EXPECT_EQ(row.example.responses[0].raw_score, 8.0);
  EXPECT_FALSE(row.example.responses[1].raw_score.has_value());
}

TEST(Schema, AnAnswerThatRepeatsThePromptListLosesIt) {
  const ReadRow row = read_text(R"({"prompt": [{"role": "user", "content": "Hi"}],
    "chosen": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "A"}],
    "rejected": "B"})");
  EXPECT_EQ(prompt_of(row), "user:Hi");
  EXPECT_EQ(answer_of(row, 0), "assistant:A");
  EXPECT_EQ(answer_of(row, 1), "assistant:B");
}

TEST(Schema, AnImplicitPromptOfStringsIsTheCommonBeginningWithoutItsLastSpace) {
  const ReadRow row = read_text(R"({"chosen": "The sky is blue", "rejected": "The sky is green"})");
  EXPECT_STREQ(row.shape, "TRL pair (implicit prompt)");
  EXPECT_EQ(prompt_of(row), "The sky is");
  EXPECT_EQ(answer_of(row, 0), " blue");
  EXPECT_EQ(answer_of(row, 1), " green");
}

TEST(Schema, AnImplicitPromptNeverCutsACharacter) {
  // U+00E9 and U+00E8 share their first byte.
  const ReadRow row = read_text("{\"chosen\": \"x\xC3\xA9\", \"rejected\": \"x\xC3\xA8\"}");
  EXPECT_EQ(prompt_of(row), "x");
  EXPECT_EQ(answer_of(row, 0), "\xC3\xA9");
}

TEST(Schema, AnImplicitPairWithoutACommonBeginningIsDropped) {
  EXPECT_EQ(read_text(R"({"chosen": "a", "rejected": "b"})").drop, "chosen and rejected share no prompt");
  EXPECT_EQ(read_text(R"({"chosen": "same", "rejected": "same"})").drop, "chosen equals rejected");
}

TEST(Schema, AnImplicitPromptOfMessagesIsMadeOfWholeTurns) {
  const ReadRow row = read_text(R"({
    "chosen": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Well, yes"}],
    "rejected": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Well, no"}]})");
  EXPECT_EQ(prompt_of(row), "user:Hi");
  EXPECT_EQ(answer_of(row, 0), "assistant:Well, yes");
}

TEST(Schema, AnHhTranscriptIsCutAtTheLastCommonAssistantMark) {
  const std::string json =
      R"({"chosen": "\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: Why\n\nAssistant: Well so",
    "rejected": "\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: Why\n\nAssistant: Well not"})";
  const ReadRow row = read_text(json);
  EXPECT_STREQ(row.shape, "HH transcript pair");
  EXPECT_EQ(prompt_of(row), "\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: Why\n\nAssistant:");
  EXPECT_EQ(answer_of(row, 0), " Well so");
  EXPECT_EQ(answer_of(row, 1), " Well not");
  const ReadRow chat = read_text(json, true);
  EXPECT_EQ(prompt_of(chat), "user:Hi|assistant:Yes?|user:Why");
  EXPECT_EQ(answer_of(chat, 0), "assistant:Well so");
}

TEST(Schema, BinaryRowsTakeAStrictBoolOnly) {
  const ReadRow row = read_text(R"({"prompt": "p", "completion": "c", "label": false})");
  EXPECT_STREQ(row.shape, "binary");
  EXPECT_EQ(row.example.responses[0].label, false);
  for (const char* label : {"\"true\"", "1", "\"1\""}) {
    const std::string error = input_error(
        [&] { read_text(std::string(R"({"prompt": "p", "completion": "c", "label": )") + label + "}"); });
    EXPECT_TRUE(contains(error, "rows.jsonl:7: field \"label\" must be true or false")) << error;
  }
}

TEST(Schema, MessagesMakeAnSftRowOfTheLastAssistantTurn) {
  const ReadRow row =
      read_text(R"({"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "Q"},
    {"role": "assistant", "content": "A"}, {"role": "user", "content": "bye"}]})");
  EXPECT_EQ(row.example.unit, Unit::kSft);
  EXPECT_EQ(prompt_of(row), "system:S|user:Q");
  EXPECT_EQ(answer_of(row, 0), "assistant:A");
  const ReadRow rated = read_text(R"({"messages": [{"role": "user", "content": "Q"},
    {"role": "assistant", "content": "A"}], "score": 0.25})");
  EXPECT_EQ(rated.example.unit, Unit::kScore);
  EXPECT_EQ(rated.example.responses[0].raw_score, 0.25);
}

TEST(Schema, SftTextAndPromptRowsAreToldApart) {
  EXPECT_EQ(read_text(R"({"prompt": "p", "completion": "c"})").example.unit, Unit::kSft);
  EXPECT_EQ(answer_of(read_text(R"({"text": "t"})"), 0), "t");
  const ReadRow prompt = read_text(R"({"prompt": "p", "extra": 1})");
  EXPECT_EQ(prompt.example.unit, Unit::kPrompt);
  EXPECT_TRUE(prompt.example.responses.empty());
  EXPECT_EQ(answer_of(read_text(R"({"question": "q", "answer": "a"})"), 0), "a");
}

TEST(Schema, APairWithANullSideIsNoPromptRow) {
  const std::string error =
      input_error([] { read_text(R"({"prompt": "p", "chosen": "a", "rejected": null})"); });
  EXPECT_TRUE(
      contains(error, "rows.jsonl:7: no known row shape has these fields: prompt, chosen, rejected (null)"))
      << error;
}

TEST(Schema, ANullScoreIsAMissingScoreAndATextOneAnError) {
  const ReadRow row = read_text(R"({"prompt": "p", "response": "r", "score": null, "score_range": [1, 5]})");
  EXPECT_EQ(row.example.unit, Unit::kScore);
  EXPECT_FALSE(row.example.responses[0].raw_score.has_value());
  EXPECT_EQ(row.range->hi, 5);
  const std::string error =
      input_error([] { read_text(R"({"prompt": "p", "response": "r", "score": "5"})"); });
  EXPECT_TRUE(contains(error, "rows.jsonl:7: field \"score\" must be a number")) << error;
  EXPECT_TRUE(contains(error, "found \"5\"")) << error;
}

TEST(Schema, NativeResponsesCarryScoresLabelsOrRanks) {
  const ReadRow scores = read_text(R"({"prompt": "p", "group_id": 12, "source": "s", "weight": 2,
    "responses": [{"content": "a", "score": 1}, {"content": "b", "score": null}]})");
  EXPECT_EQ(scores.example.unit, Unit::kGroup);
  EXPECT_EQ(scores.example.group_id, "12");
  EXPECT_EQ(scores.example.source, "s");
  EXPECT_EQ(scores.example.weight, 2);
  EXPECT_EQ(scores.example.responses[0].raw_score, 1.0);
  const ReadRow labels = read_text(R"({"prompt": "p", "responses": [{"content": "a", "label": true}]})");
  EXPECT_EQ(labels.example.unit, Unit::kBinary);
  const ReadRow ranks = read_text(R"({"prompt": "p", "responses": [{"content": "a", "rank": 2},
    {"content": "b", "rank": 1}, {"content": "c", "rank": 3}]})");
  EXPECT_EQ(ranks.example.responses[0].raw_score, 0.5);
  EXPECT_EQ(ranks.example.responses[1].raw_score, 1.0);
  EXPECT_EQ(ranks.example.responses[2].raw_score, 0.0);
  const std::string error = input_error([] {
    read_text(
        R"({"prompt": "p", "responses": [{"content": "a", "score": 1}, {"content": "b", "label": true}]})");
  });
  EXPECT_TRUE(contains(error, "field \"responses[1]\" must have a score")) << error;
}

TEST(Schema, Helpsteer2ScoresFollowThePaper) {
  const ReadRow row = read_text(R"({"prompt": "p", "response": "r", "helpfulness": 3, "correctness": 4,
    "coherence": 2, "complexity": 1, "verbosity": 1})");
  EXPECT_STREQ(row.shape, "HelpSteer2");
  EXPECT_NEAR(*row.example.responses[0].raw_score, (0.65 * 3 + 0.8 * 4 + 0.45 * 2) / 7.6, 1e-15);
  const ReadRow missing = read_text(R"({"prompt": "p", "response": "r", "helpfulness": 3, "correctness": -100,
    "coherence": 2})");
  EXPECT_FALSE(missing.example.responses[0].raw_score.has_value());
  const std::string error = input_error([] {
    read_text(R"({"prompt": "p", "response": "r", "helpfulness": 5, "correctness": 4, "coherence": 2})");
  });
  EXPECT_TRUE(contains(error, "field \"helpfulness\" must be from 0 to 4")) << error;
}

TEST(Schema, Helpsteer2PreferenceBelowZeroMeansTheFirstIsBetter) {
  const char* row = R"({"split": "train", "prompt": "p", "response_1": "one", "response_2": "two",
    "preference_strength": )";
  const ReadRow first = read_text(std::string(row) + "-3}");
  EXPECT_EQ(answer_of(first, 0), "one");
  EXPECT_EQ(first.example.margin, 1.0);
  const ReadRow second = read_text(std::string(row) + "1}");
  EXPECT_EQ(answer_of(second, 0), "two");
  EXPECT_NEAR(*second.example.margin, 1.0 / 3, 1e-15);
  EXPECT_TRUE(read_text(std::string(row) + "0}").tie);
  EXPECT_EQ(read_text(std::string(row) + "-100}").drop, "preference missing");
}

TEST(Schema, UltrafeedbackRawTakesTheMeanOfTheRatingsThatAreThere) {
  const ReadRow row = read_text(R"({"source": "s", "instruction": "p", "models": [], "completions": [
    {"model": "m", "response": "a", "overall_score": 1, "annotations": {"instruction_following": {"Rating": "4"},
     "honesty": {"Rating": "N/A"}, "truthfulness": {"Rating": "5"}, "helpfulness": {"Rating": 3}}},
    {"model": "n", "response": "b", "annotations": {"honesty": {"Rating": "N/A"}}}]})");
  EXPECT_STREQ(row.shape, "UltraFeedback raw");
  EXPECT_EQ(row.example.responses[0].raw_score, 4.0);
  EXPECT_FALSE(row.example.responses[1].raw_score.has_value());
  EXPECT_EQ(row.range->lo, 1);
  EXPECT_EQ(row.range->hi, 5);
}

TEST(Schema, LlamafactoryRows) {
  const ReadRow pair =
      read_text(R"({"conversations": [{"from": "system", "value": "S"}, {"from": "human", "value": "Q"}],
    "chosen": {"from": "gpt", "value": "A"}, "rejected": {"from": "gpt", "value": "B"}})");
  EXPECT_STREQ(pair.shape, "ShareGPT pair");
  EXPECT_EQ(prompt_of(pair), "system:S|user:Q");
  EXPECT_EQ(answer_of(pair, 1), "assistant:B");
  const ReadRow v1 = read_text(R"({
    "chosen_messages": [{"role": "user", "content": [{"type": "text", "value": "Q"}], "loss_weight": 0.0},
                        {"role": "assistant", "content": [{"type": "text", "value": "A"}], "loss_weight": 1.0}],
    "rejected_messages": [{"role": "user", "content": [{"type": "text", "value": "Q"}], "loss_weight": 0.0},
                          {"role": "assistant", "content": [{"type": "text", "value": "B"}], "loss_weight": 1.0}]})");
  EXPECT_EQ(prompt_of(v1), "user:Q");
  EXPECT_EQ(answer_of(v1, 0), "assistant:A");
  EXPECT_EQ(v1.example.responses[0].text.messages[0].extra, "");
  const ReadRow alpaca = read_text(R"({"instruction": "Add", "input": "1 2", "output": "3"})");
  EXPECT_EQ(alpaca.example.unit, Unit::kSft);
  EXPECT_EQ(prompt_of(alpaca), "Add\n1 2");
  const ReadRow tagged = read_text(R"({"instruction": "Add", "input": "", "output": "3", "kto_tag": true})");
  EXPECT_EQ(tagged.example.responses[0].label, true);
  const ReadRow list = read_text(R"({"instruction": "Add", "input": "", "output": ["3", "4", "5"],
    "history": [["Q", "A"]]})");
  EXPECT_STREQ(list.shape, "Alpaca ranked list");
  EXPECT_EQ(prompt_of(list), "user:Q|assistant:A|user:Add");
  EXPECT_EQ(list.example.responses[1].raw_score, 0.5);
}

TEST(Schema, PairsUnderOtherNames) {
  EXPECT_EQ(answer_of(read_text(R"({"question": "q", "response_j": "good", "response_k": "bad"})"), 0),
            "good");
  const ReadRow orca = read_text(R"({"system": "S", "question": "q", "chosen": "a", "rejected": "b"})");
  EXPECT_EQ(prompt_of(orca), "system:S|user:q");
  const ReadRow swift = read_text(R"({"messages": [{"role": "user", "content": "q"},
    {"role": "assistant", "content": "a"}], "rejected_response": "b"})");
  EXPECT_EQ(answer_of(swift, 0), "assistant:a");
  EXPECT_EQ(answer_of(swift, 1), "assistant:b");
  const ReadRow nectar = read_text(R"({"prompt": "p", "answers": [{"answer": "x", "rank": 2},
    {"answer": "y", "rank": 1}]})");
  EXPECT_EQ(nectar.example.responses[1].raw_score, 1.0);
  const ReadRow nemo = read_text(R"({"context": [{"role": "user", "content": "p"}], "completions": [
    {"rank": 0, "completion": [{"role": "assistant", "content": "x"}]},
    {"rank": 1, "completion": [{"role": "assistant", "content": "y"}]}]})");
  EXPECT_EQ(nemo.example.responses[0].raw_score, 1.0);
}

TEST(Schema, ApplyChatTemplateWrapsStringsAsTurns) {
  const ReadRow row = read_text(R"({"prompt": "p", "chosen": "a", "rejected": "b"})", true);
  EXPECT_EQ(prompt_of(row), "user:p");
  EXPECT_EQ(answer_of(row, 0), "assistant:a");
  EXPECT_EQ(shown(read_text(R"({"text": "t"})", true).example.responses[0].text), "t");
}

TEST(Schema, WrongFieldsAreNamedWithFileAndLine) {
  EXPECT_TRUE(contains(input_error([] { read_text(R"({"prompt": 3, "completion": "c"})"); }),
                       "rows.jsonl:7: field \"prompt\" must be a string or a list of messages, found 3"));
  EXPECT_TRUE(contains(input_error([] { read_text(R"({"messages": [{"role": "user"}]})"); }),
                       "rows.jsonl:7: field \"messages[0].content\" is missing"));
  EXPECT_TRUE(contains(input_error([] { read_text(R"({"prompt": "p", "completion": "c", "weight": "2"})"); }),
                       "field \"weight\" must be a number"));
  EXPECT_TRUE(
      contains(input_error([] { read_text(R"({"prompt": "p", "completion": "c", "score_range": [5, 1]})"); }),
               "field \"score_range\" must be [lo, hi] with lo < hi"));
  EXPECT_TRUE(contains(input_error([] { read_text("[1]"); }), "rows.jsonl:7: a row must be a JSON object"));
}

}  // namespace
}  // namespace una::rows
