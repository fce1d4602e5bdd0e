#include "una/reward/http_reward.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/json.h"
#include "una/net/scripted_server_testing.h"

namespace una::reward {
namespace {

using net::http_answer;
using net::Received;
using net::ScriptedServer;

HttpRewardOptions quick(std::int64_t batch) {
  HttpRewardOptions options;
  options.batch_size = batch;
  options.client.backoff = 0.005;
  options.client.max_retries = 2;
  options.client.timeout = 5;
  return options;
}

std::vector<Question> questions(std::size_t count) {
  std::vector<Question> out;
  for (std::size_t i = 0; i < count; ++i) {
    Question question;
    question.prompt = {.is_chat = true, .plain = "", .messages = {{"user", "how many?", ""}}};
    question.answer.plain = std::to_string(i);
    question.ground_truth = "t";
    out.push_back(question);
  }
  return out;
}

std::vector<Verdict> score(const std::string& url, std::size_t count, std::int64_t batch) {
  return make_http_reward(url, quick(batch))->score(questions(count));
}

TEST(HttpReward, RowsGoInBatchesAndScoresComeBackInOrder) {
  ScriptedServer server([](const Received& received) {
    Json scores = Json::array();
    const Json body = Json::parse(received.body);
    for (const Json& row : body["rows"]) {
      EXPECT_EQ(row["prompt"][0]["content"], "how many?");
      EXPECT_EQ(row["ground_truth"], "t");
      scores.push_back(std::stod(row["answer"].get<std::string>()) / 2);
    }
    return http_answer(200, Json{{"scores", scores}}.dump());
  });
  const std::vector<Verdict> verdicts = score(server.url("/score"), 7, 3);
  ASSERT_EQ(verdicts.size(), 7U);
  for (std::size_t i = 0; i < 7; ++i) { EXPECT_EQ(verdicts[i].score, static_cast<double>(i) / 2); }
  EXPECT_EQ(server.requests(), 3U);
}

TEST(HttpReward, WhatIsNoScoreIsMissingWithItsReason) {
  ScriptedServer server([](const Received&) {
    return http_answer(200, R"([1.5, null, {"score": -2}, {"score": null, "error": "too long"}, "7"])");
  });
  const std::vector<Verdict> verdicts = score(server.url(), 5, 8);
  EXPECT_EQ(verdicts[0].score, 1.5);
  EXPECT_FALSE(verdicts[1].score.has_value());
  EXPECT_NE(verdicts[1].failure.find("is not a number: null"), std::string::npos);
  EXPECT_EQ(verdicts[2].score, -2);
  EXPECT_NE(verdicts[3].failure.find("too long"), std::string::npos);
  EXPECT_FALSE(verdicts[4].score.has_value());
}

TEST(HttpReward, ABatchThatFailsLeavesTheOthersAlone) {
  ScriptedServer server([](const Received& received) {
    const Json rows = Json::parse(received.body)["rows"];
    if (rows[0]["answer"] == "0") { return http_answer(500, "broken"); }
    if (rows[0]["answer"] == "2") { return http_answer(200, "<html>"); }
    if (rows[0]["answer"] == "4") { return http_answer(200, "[1]"); }
    return http_answer(200, "[1, 2]");
  });
  const std::vector<Verdict> verdicts = score(server.url(), 8, 2);
  EXPECT_NE(verdicts[1].failure.find("answered 500 (3 tries): broken"), std::string::npos)
      << verdicts[1].failure;
  EXPECT_NE(verdicts[2].failure.find("no list of scores: <html>"), std::string::npos) << verdicts[2].failure;
  EXPECT_NE(verdicts[5].failure.find("gave 1 scores for 2 rows"), std::string::npos) << verdicts[5].failure;
  EXPECT_EQ(verdicts[7].score, 2);
}

TEST(HttpReward, WhatNoRowWouldPassStopsAtOnce) {
  ScriptedServer server([](const Received&) { return http_answer(404, "no such path"); });
  EXPECT_THROW(score(server.url("/wrong"), 4, 1), InputError);
  EXPECT_THROW(make_http_reward("localhost:80"), InputError);
}

}  // namespace
}  // namespace una::reward
