#include "una/rollout/endpoint.h"

#include <atomic>
#include <set>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/net/scripted_server_testing.h"

namespace una::rollout {
namespace {

using net::half_answer;
using net::http_answer;
using net::Received;
using net::ScriptedServer;
using Ids = std::vector<std::int32_t>;

const text::Tokenizer& tokenizer() {
  static const text::Tokenizer kTokenizer(
      text::train_bpe({"the end is near", "the story the end"}, 280, {"<eos>"}), "", "", "test");
  return kTokenizer;
}

std::string completion(const Ids& ids, const std::string& finish) {
  return Json{{"choices", {Json{{"token_ids", ids}, {"text", "t"}, {"finish_reason", finish}}}}}.dump();
}

EndpointOptions options(const ScriptedServer& server) {
  EndpointOptions out;
  out.url = server.url("/v1");
  out.model = "policy";
  out.client = {.timeout = 0.5, .max_retries = 2, .backoff = 0.005};
  out.tokenizer = &tokenizer();
  out.vocabulary = tokenizer().size();
  out.eos_id = 0;
  return out;
}

std::vector<Prompt> prompts() {
  std::vector<Prompt> out(2);
  out[0].ids = {5, 6};
  out[1].ids = {7};
  return out;
}

template <class Work>
std::string refusal(Work work) {
  try {
    work();
  } catch (const InputError& error) { return error.what(); }
  return "";
}

const SampleOptions kTwo{.num_generations = 2, .params = {.max_new_tokens = 4, .seed = 3, .stop_ids = {0}}};

TEST(Endpoint, EachSampleIsARequestWithASeedOfItsOwn) {
  ScriptedServer server([](const Received& received) {
    const Json body = Json::parse(received.body);
    EXPECT_EQ(body["model"], "policy");
    EXPECT_EQ(received.head.find("POST /v1/completions"), 0U);
    Ids ids = {9, 0};
    ids[0] = body["prompt"].size() == 2 ? 10 : 11;
    return http_answer(200, completion(ids, "stop"));
  });
  const auto seeds = [&](std::size_t from) {
    std::multiset<std::uint64_t> out;
    const std::vector<Received> all = server.received();
    for (std::size_t i = from; i < all.size(); ++i) {
      out.insert(Json::parse(all[i].body)["seed"].get<std::uint64_t>());
    }
    return out;
  };
  const auto source = make_endpoint_source(options(server));
  const std::vector<Prompt> asked = prompts();
  const std::vector<Group> groups = source->sample(asked, {1, 0}, kTwo, 8);
  ASSERT_EQ(groups.size(), 2U);
  EXPECT_EQ(groups[0].index, 1);
  ASSERT_EQ(groups[1].answers.size(), 2U);
  EXPECT_EQ(groups[0].answers[0].sequence.ids, (Ids{7, 11, 0}));
  EXPECT_EQ(groups[1].answers[1].sequence.ids, (Ids{5, 6, 10, 0}));
  EXPECT_EQ(groups[1].answers[1].sequence.loss_mask, (std::vector<std::uint8_t>{0, 0, 1, 1}));
  EXPECT_EQ(groups[1].answers[1].finish, generate::Output::Finish::kEos);
  const auto first = seeds(0);
  EXPECT_EQ(std::set<std::uint64_t>(first.begin(), first.end()).size(), 4U);
  source->sample(asked, {1, 0}, kTwo, 8);
  EXPECT_EQ(seeds(4), first) << "the same round asks the same again";
  source->sample(asked, {1, 0}, kTwo, 9);
  EXPECT_NE(seeds(8), first);
}

TEST(Endpoint, WhatDoesNotComeIsMissingAndCounted) {
  std::atomic<int> turn = 0;  // of the answers to the second prompt
  ScriptedServer server([&](const Received& received) -> std::optional<std::string> {
    const Json body = Json::parse(received.body);
    if (body["prompt"].size() == 2) { return http_answer(200, completion({9, 9, 9, 9}, "length")); }
    switch (turn++) {
      case 0:
        return http_answer(200, "garbage");
      default:
        return http_answer(200, completion({60000}, "length"));
    }
  });
  const auto source = make_endpoint_source(options(server));
  const std::vector<Prompt> asked = prompts();
  const std::vector<Group> groups = source->sample(asked, {0, 1}, kTwo, 1);
  EXPECT_EQ(groups[0].answers.size(), 2U);
  EXPECT_TRUE(groups[0].failures.empty());
  EXPECT_TRUE(groups[1].answers.empty()) << "no empty answers in their place";
  ASSERT_EQ(groups[1].failures.size(), 2U);
  EXPECT_TRUE(groups[1].remote);
  EXPECT_NE(source->account().find("4 answers asked for"), std::string::npos) << source->account();
  EXPECT_NE(source->account().find("2 answers missing"), std::string::npos) << source->account();
}

TEST(Endpoint, AGroupIsToldOfOnceAndWhole) {
  ScriptedServer server([](const Received&) { return http_answer(200, completion({9, 0}, "stop")); });
  const auto source = make_endpoint_source(options(server));
  const std::vector<Prompt> asked = prompts();
  std::multiset<std::int64_t> told;
  SampleOptions listening = kTwo;
  listening.on_group = [&](const Group& group) {
    told.insert(group.index);
    EXPECT_EQ(group.answers.size(), 2U);
  };
  source->sample(asked, {1, 0}, listening, 8);
  EXPECT_EQ(told, (std::multiset<std::int64_t>{0, 1}));
}

TEST(Endpoint, BusySilentAndBrokenServersAreAskedAgain) {
  ScriptedServer server([](const Received& received) -> std::optional<std::string> {
    switch (received.number) {
      case 0:
        return http_answer(429, "{}", "Retry-After: 0\r\n");
      case 1:
        return half_answer(completion({9}, "length"));
      case 2:
        return http_answer(500, "boom");
      case 3:
        return std::nullopt;
      default:
        return http_answer(200, completion({9}, "length"));
    }
  });
  EndpointOptions patient = options(server);
  patient.client.max_retries = 6;
  const auto source = make_endpoint_source(patient);
  const std::vector<Prompt> asked = prompts();
  const std::vector<Group> groups = source->sample(asked, {0, 1}, kTwo, 1);
  EXPECT_EQ(groups[0].answers.size() + groups[1].answers.size(), 4U);
  EXPECT_GE(server.requests(), 8U);
}

TEST(Endpoint, TextIsTokenisedAgainAndCounted) {
  ScriptedServer server([](const Received& received) {
    const char* text = Json::parse(received.body)["prompt"].size() == 2 ? "the end" : "a <eos>";
    return http_answer(200, Json{{"choices", {Json{{"text", text}, {"finish_reason", "stop"}}}}}.dump());
  });
  const auto source = make_endpoint_source(options(server));
  const std::vector<Prompt> asked = prompts();
  SampleOptions longer = kTwo;
  longer.params.max_new_tokens = 20;
  const std::vector<Group> groups = source->sample(asked, {0, 1}, longer, 1);
  EXPECT_TRUE(groups[0].answers[0].retokenised);
  EXPECT_FALSE(groups[0].answers[0].mismatched);
  EXPECT_TRUE(groups[1].answers[0].mismatched);
  EXPECT_TRUE(groups[0].answers[0].sampled_logps.empty());
  EXPECT_NE(source->account().find("4 tokenised again from text, 2 of them with a mismatch"),
            std::string::npos)
      << source->account();
}

TEST(Endpoint, NobodyRefusalsAndARoundWithoutAnswersStop) {
  const std::vector<Prompt> asked = prompts();
  ScriptedServer refusing(
      [](const Received&) { return http_answer(404, R"({"message": "no model sk-secret"})"); });
  EndpointOptions secret = options(refusing);
  secret.client.bearer = "sk-secret";
  const std::string refused = refusal([&] { make_endpoint_source(secret)->sample(asked, {0}, kTwo, 1); });
  EXPECT_NE(refused.find("answered 404"), std::string::npos) << refused;
  EXPECT_EQ(refused.find("sk-secret"), std::string::npos) << "a server that echoes the key";
  EXPECT_NE(refusing.received()[0].head.find("Authorization: Bearer sk-secret"), std::string::npos);
  ScriptedServer empty([](const Received&) { return http_answer(200, R"({"note": "sk-secret"})"); });
  EndpointOptions useless = options(empty);
  useless.client.bearer = "sk-secret";
  const std::string none = refusal([&] { make_endpoint_source(useless)->sample(asked, {0, 1}, kTwo, 1); });
  EXPECT_NE(none.find("none of the 4 answers"), std::string::npos) << none;
  EXPECT_EQ(none.find("sk-secret"), std::string::npos) << none;
  EndpointOptions nowhere = options(empty);
  nowhere.url = "here";
  EXPECT_THROW(make_endpoint_source(nowhere), InputError);
}

TEST(Endpoint, TheServerGetsTheWeightsBeforeItIsAskedAndTheyAreNamed) {
  std::vector<std::size_t> seen;
  ScriptedServer server([](const Received&) { return http_answer(200, completion({9}, "length")); });
  EndpointOptions following = options(server);
  following.synchronise = [&] {
    seen.push_back(server.requests());
    return cat("weights ", seen.size());
  };
  const std::vector<Prompt> asked = prompts();
  const auto source = make_endpoint_source(following);
  source->sample(asked, {0}, kTwo, 1);
  source->sample(asked, {0}, kTwo, 2);
  EXPECT_EQ(seen, (std::vector<std::size_t>{0, 2}));
  std::vector<std::string> salts;
  for (const Received& one : server.received()) { salts.push_back(Json::parse(one.body)["cache_salt"]); }
  EXPECT_EQ(salts, (std::vector<std::string>{"weights 1", "weights 1", "weights 2", "weights 2"}));
}

TEST(Endpoint, WhatIsMissingOrCutIsSaidOnce) {
  ScriptedServer server([](const Received& received) {
    const Json body = Json::parse(received.body);
    if (body["prompt"].size() == 2) { return http_answer(200, completion({9, 9}, "length")); }
    return http_answer(400, R"({"error": "the prompt is too long"})");
  });
  const auto source = make_endpoint_source(options(server));
  const std::vector<Prompt> asked = prompts();
  testing::internal::CaptureStderr();
  testing::internal::CaptureStdout();
  for (const std::uint64_t round : {1, 2}) { source->sample(asked, {0, 1}, kTwo, round); }
  const std::string said = testing::internal::GetCapturedStderr() + testing::internal::GetCapturedStdout();
  for (const char* words : {"the prompt is too long", "cut an answer after 2 of 4 tokens"}) {
    EXPECT_NE(said.find(words), std::string::npos) << said;
    EXPECT_EQ(said.find(words), said.rfind(words)) << said;
  }
}

}  // namespace
}  // namespace una::rollout
