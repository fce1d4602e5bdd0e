#include "una/text/encoder.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/text/sentencepiece_testing.h"

namespace una::text {
namespace {

using Ids = std::vector<std::int32_t>;

const char* kConfig = R"({"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"})";
const char* kSpecials = R"({"bos_token": "<s>", "eos_token": "</s>"})";
const char* kChat =
    "{% if dated %}{{ strftime_now('%d %b %Y') }}{% endif %}"
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system turns') }}{% endif %}"
    "<|{{ m.role }}|>{{ m.content }}</s>\n{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}";

std::string trained() {
  const std::vector<std::string> corpus(20, "the cat sat on the mat and the dog sat on the cat");
  return train_bpe(corpus, 300, {"<pad>", "<s>", "</s>"});
}

// Adds <s> in front, as Llama's post-processor does.
std::string with_bos() {
  Json json = parse_json(trained(), "test");
  json["post_processor"] = parse_json(R"({"type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}})",
                                      "test");
  return json.dump();
}

TextModel model_of(const std::string& tokenizer, const char* chat_template = kChat) {
  return {.tokenizer = std::make_shared<Tokenizer>(tokenizer, kConfig, "", "test"),
          .chat_template = std::make_shared<ChatTemplate>(chat_template, kSpecials, "test"),
          .eos_id = 2};
}

Text plain(const std::string& text) { return {.is_chat = false, .plain = text, .messages = {}}; }
Text turn(const std::string& role, const std::string& content) {
  return {.is_chat = true, .plain = "", .messages = {{role, content, ""}}};
}

Ids joined(Ids a, const Ids& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Encoded encode(const Encoder& encoder, const Text& prompt, const Text& answer) {
  return encoder.encode({.prompt = &prompt, .answers = {&answer}, .tools = "", .template_kwargs = ""});
}

Ids prompt_ids(const Encoder& encoder, const Text& prompt, std::string_view kwargs = "") {
  return encoder.prompt({.prompt = &prompt, .answers = {}, .tools = "", .template_kwargs = kwargs});
}

template <class Act>
std::string refusal(const Act& act) {
  try {
    act();
  } catch (const InputError& error) { return error.what(); }
  return "";
}

// Byte-level, without and with a BOS in front.
const Encoder& encoder_without_bos() {
  static const Encoder encoder(model_of(trained()));
  return encoder;
}
const Encoder& encoder_with_bos() {
  static const Encoder encoder(model_of(with_bos()));
  return encoder;
}

Ids ids(const std::string& text) { return encoder_without_bos().tokenizer().encode(text, false); }

TEST(Encoder, PlainTextIsPromptAnswerAndOneEos) {
  const Encoded once = encode(encoder_without_bos(), plain("the cat"), plain(" sat on"));
  EXPECT_EQ(once.answers.at(0).ids, joined(joined(ids("the cat"), ids(" sat on")), {2}));
  EXPECT_EQ(once.answers[0].prompt, ids("the cat").size());
  EXPECT_FALSE(once.repaired);
  EXPECT_EQ(encode(encoder_without_bos(), plain("the cat"), plain(" sat</s>")).answers[0].ids,
            joined(joined(ids("the cat"), ids(" sat")), {2}));
}

TEST(Encoder, BosIsAddedOnceIfTheTokenizerAddsIt) {
  const Ids expected = joined({1}, joined(joined(ids("the cat"), ids(" sat")), {2}));
  for (const char* prompt : {"the cat", "<s>the cat"}) {
    const Encoded encoded = encode(encoder_with_bos(), plain(prompt), plain(" sat"));
    EXPECT_EQ(encoded.answers[0].ids, expected) << prompt;
    EXPECT_EQ(encoded.answers[0].prompt, 1 + ids("the cat").size());
  }
  EXPECT_EQ(encode(encoder_with_bos(), plain(""), plain("the mat")).answers[0].ids,
            joined({1}, joined(ids("the mat"), {2})));
  EXPECT_EQ(prompt_ids(encoder_with_bos(), plain("the cat")), joined({1}, ids("the cat")));
  EXPECT_EQ(encoder_with_bos().leading_token(), 1);
  EXPECT_EQ(encoder_without_bos().leading_token(), 1);  // of tokenizer_config.json: a template may write it
}

TEST(Encoder, ChatTurnsAreWhatTheTemplateRenders) {
  const Encoded encoded = encode(encoder_without_bos(), turn("user", "the cat"), turn("assistant", "sat"));
  EXPECT_EQ(encoded.answers[0].ids, ids("<|user|>the cat</s>\n<|assistant|>sat</s>\n"));
  EXPECT_EQ(encoded.answers[0].prompt, ids("<|user|>the cat</s>\n<|assistant|>").size());
  EXPECT_FALSE(encoded.repaired);
  EXPECT_EQ(prompt_ids(encoder_without_bos(), turn("user", "the cat")),
            ids("<|user|>the cat</s>\n<|assistant|>"));
  EXPECT_EQ(encode(encoder_without_bos(), turn("user", "the cat"), plain("sat")).answers[0].ids,
            encoded.answers[0].ids);
  EXPECT_EQ(encode(encoder_without_bos(), plain("the cat"), turn("assistant", "sat")).answers[0].ids,
            encoded.answers[0].ids);
}

TEST(Encoder, EosFollowsIfTheTemplateDoesNotEndTheTurn) {
  const char* bare =
      "{% for m in messages %}[{{ m.role }}]{{ m.content }}\n{% endfor %}"
      "{% if add_generation_prompt %}[assistant]{% endif %}";
  const Ids rendered = ids("[user]the cat\n[assistant]sat\n");
  const auto encoded = [&](const TextModel& model, const EncoderOptions& options) {
    return encode(Encoder(model, options), turn("user", "the cat"), turn("assistant", "sat")).answers[0].ids;
  };
  TextModel model = model_of(trained(), bare);
  EXPECT_EQ(encoded(model, {}), joined(rendered, {2}));
  EXPECT_EQ(encoded(model, {.end_chat_answers = false}), rendered);
  model.other_end_ids = {ids("\n").at(0)};  // another token that ends a turn
  EXPECT_EQ(encoded(model, {}), rendered);
}

TEST(Encoder, APromptThatIsNotAPrefixIsCutOrRefused) {
  const char* thinking =
      "{% for m in messages %}[{{ m.role }}]{{ m.content }}</s>{% endfor %}"
      "{% if add_generation_prompt %}[assistant]<think>{% endif %}";
  const TextModel model = model_of(trained(), thinking);
  const Text prompt = turn("user", "the cat"), answer = turn("assistant", "sat");
  const Encoded encoded = encode(Encoder(model), prompt, answer);
  EXPECT_TRUE(encoded.repaired);
  EXPECT_EQ(encoded.answers[0].ids, ids("[user]the cat</s>[assistant]sat</s>"));
  EXPECT_EQ(encoded.answers[0].prompt, ids("[user]the cat</s>[assistant]").size());
  const Encoder strict(model, {.strict_boundary = true});
  EXPECT_NE(refusal([&] { encode(strict, prompt, answer); }).find("not a prefix"), std::string::npos);
  EXPECT_THROW(is_strict_boundary("maybe"), InputError);
}

TEST(Encoder, ABatchGivesWhatEachConversationGivesAndKeepsRefusalsInTheirPlace) {
  std::vector<Text> prompts, answers;
  for (int i = 0; i < 150; ++i) {
    const std::string words = "the cat " + std::to_string(i % 7);
    prompts.push_back(i % 3 == 0 ? plain(words) : turn(i == 100 ? "system" : "user", words));
    answers.push_back(i % 3 == 0 ? plain(" sat") : turn("assistant", "sat on " + std::to_string(i)));
  }
  std::vector<Conversation> all;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    all.push_back({.prompt = &prompts[i], .answers = {&answers[i]}, .tools = "", .template_kwargs = ""});
  }
  const std::vector<Encoded> batch = encoder_without_bos().encode_all(all);
  ASSERT_EQ(batch.size(), all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i == 100) { continue; }
    EXPECT_EQ(batch[i].refusal, "");
    EXPECT_EQ(batch[i].answers.at(0).ids, encoder_without_bos().encode(all[i]).answers[0].ids) << i;
  }
  EXPECT_TRUE(batch[100].answers.empty());
  EXPECT_NE(
      batch[100].refusal.find(
          "refuses the row's prompt and answer: test: the chat template refuses the conversation: no system turns"),
      std::string::npos)
      << batch[100].refusal;
}

TEST(Encoder, WhatIsMissingIsNamed) {
  TextModel model = model_of(trained());
  model.chat_template = nullptr;
  EXPECT_NE(refusal([&] { prompt_ids(Encoder(model), turn("user", "a")); }).find("no chat template"),
            std::string::npos);
  model.eos_id = -1;
  EXPECT_NE(refusal([&] { encode(Encoder(model), plain("a"), plain("b")); }).find("needs an end token"),
            std::string::npos);
}

TEST(Encoder, TheMaskBeginsBehindThePromptButNeverWithTheFirstToken) {
  EXPECT_EQ(sequence_of({.ids = {5, 6, 7}, .prompt = 2}).loss_mask, (std::vector<std::uint8_t>{0, 0, 1}));
  EXPECT_EQ(sequence_of({.ids = {5, 6, 7}, .prompt = 0}).loss_mask, (std::vector<std::uint8_t>{0, 1, 1}));
  EXPECT_EQ(sequence_of({.ids = {5}, .prompt = 1}).loss_tokens(), 0);
}

TEST(Encoder, TheDateIsTheGivenOne) {
  const auto shown = [](const std::string& date) {
    const Encoder dated(model_of(trained()), {.date = date});
    return dated.tokenizer().decode(prompt_ids(dated, turn("user", "a"), R"({"dated": true})"), false);
  };
  EXPECT_EQ(shown(""), "26 Jul 2024<|user|>a</s>\n<|assistant|>");
  EXPECT_EQ(shown("01 Feb 2025"), "01 Feb 2025<|user|>a</s>\n<|assistant|>");
}

TEST(Encoder, AWholeConversationFollowsTheBosRulesOfRewardModels) {
  const Encoder encoder(
      model_of(with_bos(), "{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}"));
  const Text prompt = turn("user", "the "), answer = turn("assistant", "cat");
  const auto whole = [&](BosRule rule) { return encoder.whole(prompt, answer, "", "", rule); };
  const Ids once = joined({1}, ids("the cat"));
  EXPECT_EQ(whole(BosRule::kTemplate), once);
  EXPECT_EQ(whole(BosRule::kDouble), joined({1}, once));
  EXPECT_EQ(whole(BosRule::kStrip), once);
  const Encoder bare(model_of(with_bos(), "{% for m in messages %}{{ m.content }}{% endfor %}"));
  EXPECT_EQ(bare.whole(prompt, answer, "", "", BosRule::kTemplate), ids("the cat"));
  EXPECT_EQ(bare.whole(prompt, answer, "", "", BosRule::kStrip), once);
  EXPECT_EQ(encoder.whole(plain("the"), plain(" cat"), "", "", BosRule::kDouble),
            joined(joined({1}, ids("the cat")), {2}));
  EXPECT_EQ(parse_bos_rule("strip"), BosRule::kStrip);
  EXPECT_THROW(parse_bos_rule("none"), InputError);
}

Encoder sentencepiece(PrefixKind kind, const EncoderOptions& options = {}) {
  return Encoder({.tokenizer = sentencepiece_tokenizer(kind), .eos_id = 2}, options);
}

TEST(Encoder, SentencePieceGetsNoSecondSpaceInFrontOfAnAnswer) {
  for (const PrefixKind kind :
       {PrefixKind::kLegacy, PrefixKind::kAlways, PrefixKind::kFirst, PrefixKind::kNever}) {
    const Encoder encoder = sentencepiece(kind);
    const auto whole = [&](const std::string& text) {
      return joined(encoder.tokenizer().encode(text, true), {2});
    };
    for (const auto& [prompt, answer] : std::vector<std::pair<std::string, std::string>>{
             {"The city is", " Paris"}, {"The city:\n", "Paris"}, {"The city:\n", " Paris"}, {"", "Paris"}}) {
      const Encoded encoded = encode(encoder, plain(prompt), plain(answer));
      EXPECT_EQ(encoded.answers[0].ids, whole(prompt + answer)) << static_cast<int>(kind) << prompt << answer;
      EXPECT_EQ(encoded.answers[0].prompt, encoder.tokenizer().encode(prompt, true).size());
      EXPECT_FALSE(encoded.repaired);
      EXPECT_EQ(encoder.whole(plain(prompt), plain(answer), "", "", BosRule::kTemplate),
                whole(prompt + answer));
    }
  }
}

TEST(Encoder, AWordThatGoesOnInTheAnswerMovesTheBoundaryOfSentencePiece) {
  const Text prompt = plain("The city is "), answer = plain("Paris</s>");
  const Encoded encoded = encode(sentencepiece(PrefixKind::kLegacy), prompt, answer);
  EXPECT_TRUE(encoded.repaired);
  const Encoder encoder = sentencepiece(PrefixKind::kLegacy);
  EXPECT_EQ(encoded.answers[0].ids, joined(encoder.tokenizer().encode("The city is Paris", true), {2}));
  EXPECT_EQ(encoded.answers[0].prompt, encoder.tokenizer().encode("The city is", true).size());
  const Encoder strict = sentencepiece(PrefixKind::kLegacy, {.strict_boundary = true});
  EXPECT_NE(refusal([&] { encode(strict, prompt, answer); }).find("not a prefix"), std::string::npos);
}

// Tokenising apart is a short cut: where the prompt's ids are a prefix of the whole's, it gives the whole's.
TEST(Encoder, ByteLevelTextsApartGiveTheIdsOfTheWhole) {
  const std::string text = "the cat sat on the mat,\nand  the dog\n\nsat 123 on it.";
  std::size_t prefixes = 0;
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    const Ids whole = ids(text), prompt = ids(text.substr(0, cut));
    const Encoded encoded =
        encode(encoder_without_bos(), plain(text.substr(0, cut)), plain(text.substr(cut)));
    EXPECT_FALSE(encoded.repaired);
    EXPECT_EQ(encoded.answers[0].prompt, prompt.size());
    if (prompt.size() > whole.size() || !std::equal(prompt.begin(), prompt.end(), whole.begin())) {
      continue;
    }
    ++prefixes;
    EXPECT_EQ(encoded.answers[0].ids, joined(whole, {2})) << cut;
  }
  EXPECT_GT(prefixes, 10U);
}

TEST(Encoder, ConversationsWithToolsTakeTheToolTemplate) {
  TextModel model = model_of(trained(), "plain {{ messages[0].content }}");
  model.tool_template = std::make_shared<ChatTemplate>("tools {{ tools[0].name }}", kSpecials, "test");
  const Encoder encoder(model);
  const Text prompt = turn("user", "the cat");
  const auto rendered = [&](std::string_view tools) {
    const Ids found =
        encoder.prompt({.prompt = &prompt, .answers = {}, .tools = tools, .template_kwargs = ""});
    return encoder.tokenizer().decode(found, false);
  };
  EXPECT_EQ(rendered(""), "plain the cat");
  EXPECT_EQ(rendered(R"([{"name": "lamp"}])"), "tools lamp");
  model.tool_template = nullptr;
  EXPECT_EQ(Encoder(model).prompt({.prompt = &prompt, .answers = {}, .tools = "[]", .template_kwargs = ""}),
            ids("plain the cat"));
}

TEST(Encoder, AnAnswerThatTheTemplateLeavesOutIsRefused) {
  const char* knows_model =
      "{% for m in messages %}{% if m.role in ['user', 'model'] %}{{ m.content }}{% endif %}{% endfor %}";
  const Text question = turn("user", "the cat"), answer = turn("assistant", "sat on");
  EXPECT_NE(refusal([&] {
              encode(Encoder(model_of(trained(), knows_model)), question, answer);
            }).find("leaves out the answer"),
            std::string::npos);
  const char* changes = "{% for m in messages %}{{ m.content | upper }}{% endfor %}";
  EXPECT_EQ(refusal([&] { encode(Encoder(model_of(trained(), changes)), question, answer); }), "");
}

TEST(Encoder, CallsThatTheTemplateLeavesOutAreRefused) {
  const Text question = turn("user", "the cat");
  Text call = turn("assistant", "");
  call.messages[0].extra = R"({"tool_calls": [{"function": {"name": "sat"}}]})";
  EXPECT_NE(refusal([&] { encode(encoder_without_bos(), question, call); }).find("\"tool_calls\""),
            std::string::npos);
  const char* writes =
      "{% for m in messages %}{{ m.content }}{% for c in m.tool_calls or [] %}{{ c.function.name }}{% endfor %}"
      "{% endfor %}";
  EXPECT_EQ(refusal([&] { encode(Encoder(model_of(trained(), writes)), question, call); }), "");
  call.messages[0].extra = R"({"tool_calls": []})";
  EXPECT_EQ(refusal([&] { encode(encoder_without_bos(), question, call); }), "");
}

TEST(Encoder, AnIdBeyondTheEmbeddingIsRefused) {
  TextModel model = model_of(trained());
  model.embedding_rows = ids(" sat").at(0) + 1;
  const Encoder encoder(model);
  EXPECT_EQ(refusal([&] { encode(encoder, plain("a"), plain(" sat")); }), "");
  model.embedding_rows -= 1;
  const Encoder smaller(model);
  const std::string expected = cat("with id ", model.embedding_rows);
  EXPECT_NE(refusal([&] { encode(smaller, plain("a"), plain(" sat")); }).find(expected), std::string::npos);
  EXPECT_NE(refusal([&] { prompt_ids(smaller, plain(" sat")); }).find(expected), std::string::npos);
  const Text question = turn("user", " sat"), answer = turn("assistant", "a");
  EXPECT_THROW(smaller.whole(question, answer, "", "", BosRule::kTemplate), InputError);
}

TEST(Encoder, ATemplateThatIgnoresTheGenerationPromptIsFound) {
  const auto missing = [](const char* source) {
    return Encoder(model_of(trained(), source)).missing_generation_prompt();
  };
  EXPECT_EQ(missing("{% for m in messages %}<|{{ m.role }}|>{{ m.content }}\n{% endfor %}"), "<|assistant|>");
  EXPECT_EQ(missing(kChat), "");
  EXPECT_EQ(
      missing("{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]{% else %} "
              "{{ m.content }}</s>{% endif %}{% endfor %}"),
      "");  // no header between the turns: nothing to prompt with
  EXPECT_EQ(missing("{{ raise_exception('no') }}"), "");
}

}  // namespace
}  // namespace una::text
