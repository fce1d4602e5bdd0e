#include "una/data/tokenise.h"

#include <gtest/gtest.h>

#include "una/rows/rows_testing.h"

namespace una::data {
namespace {

using rows::contains;
using rows::input_error;

using Ids = std::vector<std::int32_t>;

const char* kConfig = R"({"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"})";
const char* kSpecials = R"({"bos_token": "<s>", "eos_token": "</s>"})";
const char* kChat =
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system turns') }}{% endif %}"
    "<|{{ m.role }}|>{{ m.content }}</s>\n{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}";

std::string trained() {
  std::vector<std::string> corpus;
  for (int i = 0; i < 20; ++i) { corpus.push_back("the cat sat on the mat and the dog sat on the cat"); }
  return text::train_bpe(corpus, 300, {"<pad>", "<s>", "</s>"});
}

// Adds <s> in front, as llama's post-processor does.
std::string with_bos() {
  Json json = parse_json(trained(), "test");
  json["post_processor"] = parse_json(R"({"type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}})",
                                      "test");
  return json.dump();
}

struct Made {
  std::vector<Row> rows;
  rows::ReadReport report;
  rows::DropLog drops;
};

class Tokenise : public testing::Test {
 protected:
  text::Tokenizer tokenizer_{trained(), kConfig, "", "test"};
  text::ChatTemplate chat_{kChat, kSpecials, "test"};
  rows::DataOptions options_;

  TextPipeline pipeline() const { return {&tokenizer_, &chat_, 2}; }

  Made make(const std::vector<std::string>& jsons, const TextPipeline& pipeline, bool wrap = false) const {
    std::vector<Example> examples;
    for (const std::string& json : jsons) { examples.push_back(rows::read_text(json, wrap).example); }
    for (Example& example : examples) {
      for (Response& response : example.responses) { response.score = response.raw_score; }
    }
    Made made;
    made.rows = detail::tokenise(examples, options_, pipeline, made.report, made.drops);
    return made;
  }

  static Ids joined(Ids a, const Ids& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
  }
  Ids encode(const std::string& text) const { return tokenizer_.encode(text, false); }
};

TEST_F(Tokenise, PlainRowsAreEncodedInPartsWithOneEos) {
  const Made made = make(
      {R"({"prompt": "the cat", "chosen": " sat on", "rejected": " sat</s>", "margin": 2})"}, pipeline());
  ASSERT_EQ(made.rows.size(), 1U);
  const Row& row = made.rows[0];
  EXPECT_EQ(row.sequences[0].ids, joined(joined(encode("the cat"), encode(" sat on")), {2}));
  EXPECT_EQ(row.sequences[1].ids, joined(joined(encode("the cat"), encode(" sat")), {2}));
  EXPECT_EQ(row.sequences[0].prompt_tokens(), std::ssize(encode("the cat")));
  EXPECT_EQ(row.sequences[0].loss_tokens(), std::ssize(encode(" sat on")) + 1);
  EXPECT_EQ(row.sequences[0].target, 1);
  EXPECT_EQ(row.sequences[1].target, 0);
  EXPECT_TRUE(row.has_margin);
  EXPECT_EQ(row.margin, 2);
}

TEST_F(Tokenise, BosStandsOnceWhereTheTokenizerAddsIt) {
  const text::Tokenizer with(with_bos(), kConfig, "", "test");
  const TextPipeline pipeline{&with, &chat_, 2};
  const Made made = make({R"({"prompt": "the cat", "completion": "sat"})",
                          R"({"prompt": "<s>the cat", "completion": "on"})", R"({"text": "the mat"})"},
                         pipeline);
  EXPECT_EQ(made.rows[0].sequences[0].ids,
            joined(joined({1}, encode("the cat")), joined(encode("sat"), {2})));
  EXPECT_EQ(made.rows[1].sequences[0].ids, joined(joined({1}, encode("the cat")), joined(encode("on"), {2})));
  EXPECT_EQ(made.rows[2].sequences[0].ids, joined(joined({1}, encode("the mat")), {2}));
  EXPECT_EQ(made.rows[2].sequences[0].prompt_tokens(), 1);
}

TEST_F(Tokenise, ATextRowCountsAllTokensButTheFirst) {
  const Made made = make({R"({"text": "the mat"})"}, pipeline());
  const Sequence& sequence = made.rows[0].sequences[0];
  EXPECT_EQ(sequence.ids, joined(encode("the mat"), {2}));
  EXPECT_EQ(sequence.prompt_tokens(), 1);
  EXPECT_EQ(sequence.loss_tokens(), std::ssize(sequence.ids) - 1);
  sequence.check();
}

TEST_F(Tokenise, ChatRowsAreWhatTheTemplateGives) {
  const Made made = make(
      {R"({"messages": [{"role": "user", "content": "the cat"}, {"role": "assistant", "content": "sat"}]})"},
      pipeline());
  const Sequence& sequence = made.rows[0].sequences[0];
  EXPECT_EQ(sequence.ids, encode("<|user|>the cat</s>\n<|assistant|>sat</s>\n"));  // no second EOS
  EXPECT_EQ(sequence.prompt_tokens(), std::ssize(encode("<|user|>the cat</s>\n<|assistant|>")));
  EXPECT_EQ(made.report.boundary_repaired, 0);
}

TEST_F(Tokenise, EosFollowsWhereTheTemplateEndsNoTurn) {
  const text::ChatTemplate bare(
      "{% for m in messages %}[{{ m.role }}]{{ m.content }}\n{% endfor %}"
      "{% if add_generation_prompt %}[assistant]{% endif %}",
      kSpecials, "test");
  const std::vector<std::string> rows = {
      R"({"messages": [{"role": "user", "content": "the cat"}, {"role": "assistant", "content": "sat"}]})"};
  const TextPipeline own{&tokenizer_, &bare, 2};
  EXPECT_EQ(make(rows, own).rows[0].sequences[0].ids, joined(encode("[user]the cat\n[assistant]sat\n"), {2}));
  TextPipeline reward = own;
  reward.end_chat_answers = false;
  EXPECT_EQ(make(rows, reward).rows[0].sequences[0].ids, encode("[user]the cat\n[assistant]sat\n"));
  const std::int32_t newline = encode("\n").at(0);  // another token that ends a turn
  const TextPipeline other{&tokenizer_, &bare, 2, {newline}};
  EXPECT_EQ(make(rows, other).rows[0].sequences[0].ids, encode("[user]the cat\n[assistant]sat\n"));
}

TEST_F(Tokenise, APromptThatIsNoPrefixIsCutOrRefused) {
  const text::ChatTemplate thinking(
      "{% for m in messages %}[{{ m.role }}]{{ m.content }}</s>{% endfor %}"
      "{% if add_generation_prompt %}[assistant]<think>{% endif %}",
      kSpecials, "test");
  const std::vector<std::string> rows = {
      R"({"messages": [{"role": "user", "content": "the cat"}, {"role": "assistant", "content": "sat"}]})"};
  const TextPipeline own{&tokenizer_, &thinking, 2};
  const Made made = make(rows, own);
  EXPECT_EQ(made.report.boundary_repaired, 1);
  const Sequence& sequence = made.rows[0].sequences[0];
  EXPECT_EQ(sequence.ids, encode("[user]the cat</s>[assistant]sat</s>"));
  EXPECT_EQ(sequence.prompt_tokens(), std::ssize(encode("[user]the cat</s>[assistant]")));
  options_.boundary = "strict";
  const std::string error = input_error([&] { make(rows, own); });
  EXPECT_TRUE(contains(error, "rows.jsonl:7: the prompt's tokens are no prefix")) << error;
}

TEST_F(Tokenise, ATemplateThatRaisesNamesTheRow) {
  const std::string error = input_error([&] {
    make({R"({"messages": [{"role": "system", "content": "x"}, {"role": "assistant", "content": "sat"}]})"},
         pipeline());
  });
  EXPECT_TRUE(contains(error, "rows.jsonl:7: the chat template refuses")) << error;
  EXPECT_TRUE(contains(error, "no system turns")) << error;
  const TextPipeline none{&tokenizer_, nullptr, 2};
  EXPECT_TRUE(contains(input_error([&] { make({R"({"prompt": "a", "completion": "b"})"}, none, true); }),
                       "no chat template"));
  const TextPipeline no_eos{&tokenizer_, &chat_, -1};
  EXPECT_TRUE(contains(input_error([&] { make({R"({"prompt": "a", "completion": "b"})"}, no_eos); }),
                       "rows.jsonl:7: the answer needs an end token"));
}

TEST_F(Tokenise, LongRowsFollowThePolicyAndACutAnswerGetsNoEos) {
  const std::vector<std::string> rows = {
      R"({"prompt": "the cat", "completion": " sat on the mat and the dog sat"})"};
  const auto prompt = std::ssize(encode("the cat"));
  options_.max_length = prompt + 2;
  const Made dropped = make(rows, pipeline());
  EXPECT_TRUE(dropped.rows.empty());
  EXPECT_EQ(dropped.drops.by_reason().at("over max_length"), 1);
  options_.overlong = "truncate_completion";
  const Made cut = make(rows, pipeline());
  EXPECT_EQ(cut.report.rows_truncated, 1);
  EXPECT_EQ(std::ssize(cut.rows[0].sequences[0].ids), prompt + 2);
  EXPECT_NE(cut.rows[0].sequences[0].ids.back(), 2);
  options_.overlong = "error";
  EXPECT_TRUE(contains(input_error([&] { make(rows, pipeline()); }), "rows.jsonl:7: over max_length ("));
}

TEST_F(Tokenise, ACutPromptKeepsTheBosThatATemplateWrote) {
  const text::ChatTemplate leading("<s>{% for m in messages %}{{ m.content }}</s>{% endfor %}", kSpecials,
                                   "test");
  const TextPipeline own{&tokenizer_, &leading, 2};
  options_.max_length = 4;
  options_.overlong = "truncate_prompt_left";
  const Made made = make(
      {R"({"messages": [{"role": "user", "content": "the cat sat on"}, {"role": "assistant", "content": "a"}]})"},
      own);
  EXPECT_EQ(made.rows[0].sequences[0].ids, joined({1, 2}, joined(encode("a"), {2})));
}

TEST_F(Tokenise, AnswersThatBecomeEqualByTheCutAreDropped) {
  options_.max_length = std::ssize(encode("the cat")) + 1;
  options_.overlong = "truncate_completion";
  const Made made = make(
      {R"({"prompt": "the cat", "chosen": " sat on the mat", "rejected": " sat on the dog"})"}, pipeline());
  EXPECT_EQ(made.drops.by_reason().at("chosen equals rejected"), 1);
}

TEST_F(Tokenise, AGroupGoesOnWithoutItsLongAnswer) {
  const auto prompt = std::ssize(encode("the cat"));
  options_.max_length = prompt + 3;
  const std::string row = R"({"prompt": "the cat", "responses": [{"content": " sat", "score": 0.25},
    {"content": " sat on the mat and the dog sat on the cat", "score": 1}, {"content": " on", "score": 0.75}]})";
  const Made made = make({row}, pipeline());
  ASSERT_EQ(made.rows.size(), 1U);
  ASSERT_EQ(made.rows[0].sequences.size(), 2U);
  EXPECT_EQ(made.rows[0].sequences[1].target, 0.75);
  EXPECT_EQ(made.drops.by_reason().at("over max_length"), 1);
}

TEST_F(Tokenise, RowsWithOnePromptHaveOneGroupAndSourcesAreNumbered) {
  const Made made = make({R"({"prompt": "a", "completion": "b", "source": "x"})",
                          R"({"prompt": "a", "completion": "c", "source": "y"})",
                          R"({"prompt": "b", "completion": "c", "source": "x"})"},
                         pipeline());
  EXPECT_EQ(made.rows[0].group_id, made.rows[1].group_id);
  EXPECT_NE(made.rows[0].group_id, made.rows[2].group_id);
  EXPECT_EQ(made.report.sources, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(made.rows[1].source, 1);
  EXPECT_EQ(made.rows[2].source, 0);
  EXPECT_EQ(made.rows[2].index, 2);
}

TEST_F(Tokenise, TargetsFollowTheUnit) {
  options_.sft_target = 0.9;
  const Made made =
      make({R"({"prompt": "a", "completion": "b"})", R"({"prompt": "a", "completion": "b", "label": false})",
            R"({"prompt": "a", "response": "b", "score": 0.25})", R"({"prompt": "a"})"},
           pipeline());
  EXPECT_EQ(made.rows[0].sequences[0].target, 0.9);
  EXPECT_EQ(made.rows[1].sequences[0].target, 0);
  EXPECT_EQ(made.rows[2].sequences[0].target, 0.25);
  EXPECT_EQ(made.rows[3].sequences[0].loss_tokens(), 0);
  EXPECT_EQ(made.rows[3].unit, Unit::kPrompt);
}

TEST_F(Tokenise, APromptAloneEndsInTheGenerationPrompt) {
  Example example = rows::read_text(R"({"prompt": "the cat", "completion": "sat"})", true).example;
  const Sequence chat = tokenise_prompt(example, options_, pipeline());
  EXPECT_EQ(chat.ids, encode("<|user|>the cat</s>\n<|assistant|>"));
  EXPECT_EQ(chat.loss_tokens(), 0);
  example = rows::read_text(R"({"prompt": "the cat sat on the mat"})").example;
  EXPECT_EQ(tokenise_prompt(example, options_, pipeline()).ids, encode("the cat sat on the mat"));
  options_.overlong = "truncate_prompt_left";
  options_.max_prompt_length = 2;
  EXPECT_EQ(tokenise_prompt(example, options_, pipeline()).ids.size(), 2U);
}

}  // namespace
}  // namespace una::data
