#include "una/data/tokenise.h"

#include <memory>

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

struct Made {
  std::vector<Row> rows;
  rows::ReadReport report;
  rows::DropLog drops;
};

class Tokenise : public testing::Test {
 protected:
  text::TextModel model_{.tokenizer = std::make_shared<text::Tokenizer>(trained(), kConfig, "", "test"),
                         .chat_template = std::make_shared<text::ChatTemplate>(kChat, kSpecials, "test"),
                         .eos_id = 2};
  rows::DataOptions options_;

  text::Encoder encoder() const { return text::Encoder(model_); }
  // With another template.
  text::Encoder encoder(const char* source, text::EncoderOptions options = {}) const {
    text::TextModel model = model_;
    model.chat_template = std::make_shared<text::ChatTemplate>(source, kSpecials, "test");
    return text::Encoder(model, std::move(options));
  }

  Made make(const std::vector<std::string>& jsons, const text::Encoder& encoder, bool wrap = false) const {
    std::vector<Example> examples;
    for (const std::string& json : jsons) { examples.push_back(rows::read_text(json, wrap).example); }
    for (Example& example : examples) {
      for (Response& response : example.responses) { response.score = response.raw_score; }
    }
    Made made;
    made.rows = detail::tokenise(examples, options_, encoder, made.report, made.drops);
    return made;
  }

  static Ids joined(Ids a, const Ids& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
  }
  Ids encode(const std::string& text) const { return model_.tokenizer->encode(text, false); }
};

TEST_F(Tokenise, PlainRowsAreEncodedInPartsWithOneEos) {
  const Made made =
      make({R"({"prompt": "the cat", "chosen": " sat on", "rejected": " sat</s>", "margin": 2})"}, encoder());
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

TEST_F(Tokenise, ATextRowCountsAllTokensButTheFirst) {
  const Made made = make({R"({"text": "the mat"})"}, encoder());
  const Sequence& sequence = made.rows[0].sequences[0];
  EXPECT_EQ(sequence.ids, joined(encode("the mat"), {2}));
  EXPECT_EQ(sequence.prompt_tokens(), 1);
  EXPECT_EQ(sequence.loss_tokens(), std::ssize(sequence.ids) - 1);
  sequence.check();
}

TEST_F(Tokenise, ChatRowsAreWhatTheTemplateGives) {
  const Made made = make(
      {R"({"messages": [{"role": "user", "content": "the cat"}, {"role": "assistant", "content": "sat"}]})"},
      encoder());
  const Sequence& sequence = made.rows[0].sequences[0];
  EXPECT_EQ(sequence.ids, encode("<|user|>the cat</s>\n<|assistant|>sat</s>\n"));  // no second EOS
  EXPECT_EQ(sequence.prompt_tokens(), std::ssize(encode("<|user|>the cat</s>\n<|assistant|>")));
  EXPECT_EQ(made.report.boundary_repaired, 0);
}

TEST_F(Tokenise, ARepairedBoundaryIsCountedAndAStrictOneNamesTheRow) {
  const char* thinking =
      "{% for m in messages %}[{{ m.role }}]{{ m.content }}</s>{% endfor %}"
      "{% if add_generation_prompt %}[assistant]<think>{% endif %}";
  const std::vector<std::string> rows = {
      R"({"messages": [{"role": "user", "content": "the cat"}, {"role": "assistant", "content": "sat"}]})"};
  EXPECT_EQ(make(rows, encoder(thinking)).report.boundary_repaired, 1);
  EXPECT_EQ(make(rows, encoder()).report.boundary_repaired, 0);
  const std::string error = input_error([&] { make(rows, encoder(thinking, {.strict_boundary = true})); });
  EXPECT_TRUE(contains(error, "rows.jsonl:7: the prompt's tokens are not a prefix")) << error;
}

// The bridge refuses a text of 17 MB, so this one cannot have been given to it.
TEST_F(Tokenise, ATextThatIsCertainlyOverMaxLengthIsNotTokenised) {
  const std::string far(std::size_t{17} << 20, 'a');
  const std::string pair = R"({"prompt": "the cat", "chosen": " sat", "rejected": " on"})";
  for (const char* overlong : {"drop", "truncate_prompt_left", "truncate_completion"}) {
    options_.overlong = overlong;
    const Made made = make({R"({"prompt": "the cat", "chosen": " sat", "rejected": ")" + far + "\"}",
                            R"({"prompt": ")" + far + R"(", "chosen": " sat", "rejected": " on"})", pair},
                           encoder());
    EXPECT_EQ(made.rows.size(), 1U);
    EXPECT_EQ(made.drops.by_reason().at("over max_length"), 2);
  }
  const Made group =
      make({R"({"prompt": "the cat", "responses": [{"content": " sat", "score": 0.5}, {"content": ")" + far +
            R"(", "score": 0.5}, {"content": " on", "score": 1}], "score_range": [0, 1]})"},
           encoder());
  ASSERT_EQ(group.rows.size(), 1U);
  EXPECT_EQ(group.rows[0].sequences.size(), 2U);
  EXPECT_EQ(group.rows[0].sequences[1].ids, joined(joined(encode("the cat"), encode(" on")), {2}));
  EXPECT_EQ(group.rows[0].sequences[1].target, 1);
  options_.overlong = "error";
  EXPECT_TRUE(
      contains(input_error([&] { make({R"({"prompt": ")" + far + R"(", "completion": "b"})"}, encoder()); }),
               "rows.jsonl:7: over max_length by far"));
  options_.max_length = std::int64_t{1} << 40;
  EXPECT_TRUE(
      contains(input_error([&] { make({R"({"prompt": ")" + far + R"(", "completion": "b"})"}, encoder()); }),
               "texts of more than 16 MB are not tokenised"));
}

TEST_F(Tokenise, ARefusalNamesTheFirstRow) {
  const std::string error = input_error([&] {
    make({R"({"messages": [{"role": "system", "content": "x"}, {"role": "assistant", "content": "sat"}]})"},
         encoder());
  });
  EXPECT_TRUE(contains(error, "rows.jsonl:7: the chat template refuses")) << error;
  EXPECT_TRUE(contains(error, "no system turns")) << error;
  Example example = rows::read_text(R"({"prompt": "a", "completion": "b"})", true).example;
  example.prompt.messages[0].role = "system";
  EXPECT_TRUE(contains(input_error([&] { tokenise_prompt(example, options_, encoder()); }),
                       "rows.jsonl:7: the chat template refuses the row's prompt: "));
}

TEST_F(Tokenise, LongRowsFollowThePolicyAndACutAnswerGetsNoEos) {
  const std::vector<std::string> rows = {
      R"({"prompt": "the cat", "completion": " sat on the mat and the dog sat"})"};
  const auto prompt = std::ssize(encode("the cat"));
  options_.max_length = prompt + 2;
  const Made dropped = make(rows, encoder());
  EXPECT_TRUE(dropped.rows.empty());
  EXPECT_EQ(dropped.drops.by_reason().at("over max_length"), 1);
  options_.overlong = "truncate_completion";
  const Made cut = make(rows, encoder());
  EXPECT_EQ(cut.report.rows_truncated, 1);
  EXPECT_EQ(std::ssize(cut.rows[0].sequences[0].ids), prompt + 2);
  EXPECT_NE(cut.rows[0].sequences[0].ids.back(), 2);
  options_.overlong = "error";
  EXPECT_TRUE(contains(input_error([&] { make(rows, encoder()); }), "rows.jsonl:7: over max_length ("));
}

TEST_F(Tokenise, ACutPromptKeepsTheBosThatATemplateWrote) {
  options_.max_length = 4;
  options_.overlong = "truncate_prompt_left";
  const Made made = make(
      {R"({"messages": [{"role": "user", "content": "the cat sat on"}, {"role": "assistant", "content": "a"}]})"},
      encoder("<s>{% for m in messages %}{{ m.content }}</s>{% endfor %}"));
  EXPECT_EQ(made.rows[0].sequences[0].ids, joined({1, 2}, joined(encode("a"), {2})));
}

TEST_F(Tokenise, AnswersThatBecomeEqualByTheCutAreDropped) {
  options_.max_length = std::ssize(encode("the cat")) + 1;
  options_.overlong = "truncate_completion";
  const Made made = make(
      {R"({"prompt": "the cat", "chosen": " sat on the mat", "rejected": " sat on the dog"})"}, encoder());
  EXPECT_EQ(made.drops.by_reason().at("chosen equals rejected"), 1);
}

TEST_F(Tokenise, AGroupGoesOnWithoutItsLongAnswer) {
  const auto prompt = std::ssize(encode("the cat"));
  options_.max_length = prompt + 3;
  const std::string row = R"({"prompt": "the cat", "responses": [{"content": " sat", "score": 0.25},
    {"content": " sat on the mat and the dog sat on the cat", "score": 1}, {"content": " on", "score": 0.75}]})";
  const Made made = make({row}, encoder());
  ASSERT_EQ(made.rows.size(), 1U);
  ASSERT_EQ(made.rows[0].sequences.size(), 2U);
  EXPECT_EQ(made.rows[0].sequences[1].target, 0.75);
  EXPECT_EQ(made.drops.by_reason().at("over max_length"), 1);
}

TEST_F(Tokenise, RowsWithOnePromptHaveOneGroupAndSourcesAreNumbered) {
  const Made made = make({R"({"prompt": "a", "completion": "b", "source": "x"})",
                          R"({"prompt": "a", "completion": "c", "source": "y"})",
                          R"({"prompt": "b", "completion": "c", "source": "x"})"},
                         encoder());
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
           encoder());
  EXPECT_EQ(made.rows[0].sequences[0].target, 0.9);
  EXPECT_EQ(made.rows[1].sequences[0].target, 0);
  EXPECT_EQ(made.rows[2].sequences[0].target, 0.25);
  EXPECT_EQ(made.rows[3].sequences[0].loss_tokens(), 0);
  EXPECT_EQ(made.rows[3].unit, Unit::kPrompt);
}

TEST_F(Tokenise, APromptAloneEndsInTheGenerationPrompt) {
  Example example = rows::read_text(R"({"prompt": "the cat", "completion": "sat"})", true).example;
  const Sequence chat = tokenise_prompt(example, options_, encoder());
  EXPECT_EQ(chat.ids, encode("<|user|>the cat</s>\n<|assistant|>"));
  EXPECT_EQ(chat.loss_tokens(), 0);
  example = rows::read_text(R"({"prompt": "the cat sat on the mat"})").example;
  EXPECT_EQ(tokenise_prompt(example, options_, encoder()).ids, encode("the cat sat on the mat"));
  options_.overlong = "truncate_prompt_left";
  options_.max_prompt_length = 2;
  EXPECT_EQ(tokenise_prompt(example, options_, encoder()).ids.size(), 2U);
}

}  // namespace
}  // namespace una::data
