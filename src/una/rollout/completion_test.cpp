#include "una/rollout/completion.h"

#include <gtest/gtest.h>

#include "una/text/sentencepiece_testing.h"

namespace una::rollout {
namespace {

using Ids = std::vector<std::int32_t>;
using Finish = generate::Output::Finish;

const text::Tokenizer& tokenizer() {
  static const text::Tokenizer kTokenizer(
      text::train_bpe({"the end is near", "the story the end"}, 280, {"<eos>"}), "", "", "test");
  return kTokenizer;
}

// Id 0 ends answers; prompts are {5, 6}.
struct World {
  Ids prompt = {5, 6};
  SamplingParams params{.max_new_tokens = 16, .stop_ids = {0}};
  CompletionContext context() const {
    return {.prompt = prompt,
            .params = &params,
            .tokenizer = &tokenizer(),
            .vocabulary = tokenizer().size(),
            .eos_id = 0};
  }
  Completion read(const Json& choice) const {
    return read_completion(Json{{"choices", {choice}}}.dump(), context());
  }
};

Ids ids_of(const std::string& text) { return tokenizer().encode(text, false); }

Ids with_end(Ids ids) {
  ids.push_back(0);
  return ids;
}

Json choice(const Ids& ids, const std::string& finish) {
  return {{"text", "whatever the server says"}, {"token_ids", ids}, {"finish_reason", finish}};
}

TEST(Completion, EveryKeyOfTheSamplingIsSaid) {
  World world;
  const Json body = completion_request("m", world.context(), 77);
  EXPECT_EQ(body["prompt"], (Ids{5, 6}));
  EXPECT_EQ(body["model"], "m");
  EXPECT_EQ(body["seed"], 77);
  EXPECT_EQ(body["max_tokens"], 16);
  EXPECT_EQ(body["temperature"], 1);
  EXPECT_EQ(body["top_p"], 1);
  EXPECT_EQ(body["top_k"], -1);
  EXPECT_EQ(body["min_p"], 0);
  EXPECT_EQ(body["repetition_penalty"], 1);
  EXPECT_EQ(body["return_token_ids"], true);
  EXPECT_EQ(body["stop_token_ids"], Ids{0});
  EXPECT_FALSE(body.contains("stop"));
  EXPECT_FALSE(body.contains("cache_salt"));
  world.params = {
      .max_new_tokens = 8, .temperature = 0.5, .top_p = 0.9, .top_k = 3, .min_p = 0.1, .stop = {"x"}};
  const Json other = completion_request("m", world.context(), 1, "of the second round");
  EXPECT_EQ(other["cache_salt"], "of the second round");
  EXPECT_EQ(other["temperature"], 0.5);
  EXPECT_EQ(other["top_k"], 3);
  EXPECT_EQ(other["stop"], Json::array({"x"}));
}

// A server's text continues the prompt, so it is tokenised and shown as its continuation.
TEST(Completion, TextsOfSentencePieceContinueThePrompt) {
  const auto pieces = text::sentencepiece_tokenizer(text::PrefixKind::kLegacy);
  const Ids prompt = pieces->encode("The city is", true), ids = {*pieces->id_of("▁Lily"), 2};
  const SamplingParams params{.max_new_tokens = 16, .stop_ids = {2}};
  const CompletionContext context{.prompt = prompt,
                                  .params = &params,
                                  .tokenizer = pieces.get(),
                                  .vocabulary = pieces->size(),
                                  .eos_id = 2};
  const auto read = [&](const Json& one) {
    return read_completion(Json{{"choices", {one}}}.dump(), context);
  };
  const Completion by_text = read({{"text", " Lily"}, {"finish_reason", "stop"}});
  EXPECT_EQ(by_text.ids, ids);
  EXPECT_FALSE(by_text.mismatched);
  EXPECT_EQ(read(choice(ids, "stop")).text, " Lily");
}

TEST(Completion, IdsOfTheServerAreTheAnswer) {
  const World world;
  const Ids ids = with_end(ids_of("the end"));
  Json reply = choice(ids, "stop");
  reply["logprobs"] = {{"token_logprobs", std::vector<double>(ids.size(), -0.5)}};
  reply["prompt_token_ids"] = {5, 6};
  const Completion whole = world.read(reply);
  EXPECT_EQ(whole.failure, "");
  EXPECT_EQ(whole.ids, ids);
  EXPECT_EQ(whole.text, "the end") << "decoded from the ids, without the end";
  EXPECT_EQ(whole.finish, Finish::kEos);
  EXPECT_EQ(whole.logps, std::vector<float>(ids.size(), -0.5F));
  EXPECT_FALSE(whole.retokenised);
  const Completion cut = world.read(choice(ids_of("the end"), "length"));
  EXPECT_EQ(cut.finish, Finish::kLength);
  EXPECT_EQ(cut.ids, ids_of("the end")) << "no end is added that was not sampled";
  EXPECT_TRUE(cut.logps.empty());
}

TEST(Completion, IdsInThePlaceOfTokenTextsAreTheAnswerToo) {
  const World world;
  Json reply{{"text", "x"}, {"finish_reason", "length"}};
  reply["logprobs"] = {{"tokens", {"token_id:7", "token_id:9"}}, {"token_logprobs", {-1, -2}}};
  const Completion read = world.read(reply);
  EXPECT_EQ(read.ids, (Ids{7, 9}));
  EXPECT_EQ(read.logps, (std::vector<float>{-1, -2}));
}

TEST(Completion, AnEndThatTheServerKeepsToItselfComesBack) {
  World world;
  EXPECT_EQ(world.read(choice(ids_of("the end"), "stop")).ids, with_end(ids_of("the end")));
  world.params.stop = {"near"};
  Json reply = choice(ids_of("the end"), "stop");
  EXPECT_EQ(world.read(reply).finish, Finish::kStop) << "the reply does not call it an end token";
  reply["stop_reason"] = nullptr;
  EXPECT_EQ(world.read(reply).ids, with_end(ids_of("the end")));
  reply["stop_reason"] = 3;
  EXPECT_EQ(world.read(reply).ids.back(), 3);
  reply = choice(ids_of("the end is near"), "stop");
  reply["stop_reason"] = "near";
  const Completion stopped = world.read(reply);
  EXPECT_EQ(stopped.finish, Finish::kStop);
  EXPECT_EQ(stopped.ids, ids_of("the end is near"));
  EXPECT_EQ(stopped.text, "the end is ") << "rewards read what comes before the stop string";
}

TEST(Completion, TextAloneIsTokenisedAgainAndMismatchesShow) {
  const World world;
  const Json text{{"text", "the end"}, {"finish_reason", "stop"}};
  const Completion read = world.read(text);
  EXPECT_TRUE(read.retokenised);
  EXPECT_FALSE(read.mismatched);
  EXPECT_EQ(read.ids, with_end(ids_of("the end")));
  EXPECT_EQ(read.text, "the end");
  Json counted = text;
  counted["logprobs"] = {{"tokens", std::vector<std::string>(ids_of("the end").size(), "t")},
                         {"token_logprobs", std::vector<double>(ids_of("the end").size(), -1)}};
  EXPECT_FALSE(world.read(counted).mismatched);
  EXPECT_TRUE(world.read(counted).logps.empty()) << "they belong to tokens that may be others";
  counted["logprobs"]["tokens"] = {"t", "h", "e", " ", "e", "n", "d"};
  EXPECT_TRUE(world.read(counted).mismatched);
  EXPECT_TRUE(world.read({{"text", "a <eos> b"}, {"finish_reason", "stop"}}).mismatched)
      << "a special token's name does not come back as text";
  EXPECT_EQ(world.read({{"text", ""}, {"finish_reason", "stop"}}).ids, Ids{0});
}

TEST(Completion, WhatIsNoAnswerSaysWhy) {
  const World world;
  const auto failure = [&](const Json& reply) { return world.read(reply).failure; };
  EXPECT_NE(failure(choice({5, 9999}, "stop")).find("token id 9999 is none of the policy's"),
            std::string::npos);
  EXPECT_NE(failure(choice({-1}, "stop")).find("token id -1"), std::string::npos);
  EXPECT_NE(failure(choice({}, "length")).find("no tokens"), std::string::npos);
  EXPECT_NE(failure({{"text", ""}, {"finish_reason", "length"}}).find("no tokens"), std::string::npos);
  EXPECT_NE(failure(choice(Ids(17, 4), "length")).find("17 tokens, more than the 16"), std::string::npos);
  EXPECT_NE(failure(choice({5}, "abort")).find("finish_reason: abort"), std::string::npos);
  EXPECT_NE(failure({{"text", "x"}, {"finish_reason", nullptr}}).find("not finished"), std::string::npos);
  EXPECT_NE(failure({{"finish_reason", "stop"}}).find("neither token_ids nor text"), std::string::npos);
  Json other = choice({5}, "length");
  other["prompt_token_ids"] = {1, 5, 6};
  EXPECT_NE(failure(other).find("other prompt ids"), std::string::npos);
  for (const char* body : {"", "<html>", "[]", "{}", R"({"choices": []})", R"({"choices": [3]})"}) {
    EXPECT_NE(read_completion(body, world.context()).failure, "") << body;
  }
}

}  // namespace
}  // namespace una::rollout
