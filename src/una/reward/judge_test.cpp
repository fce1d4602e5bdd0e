#include "una/reward/judge.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/json.h"
#include "una/base/testing.h"
#include "una/net/scripted_server_testing.h"

namespace una::reward {
namespace {

using net::half_answer;
using net::http_answer;
using net::Received;
using net::ScriptedServer;

std::string chat(const std::string& content) {
  const Json message{{"role", "assistant"}, {"content", content}};
  return Json{{"choices", {Json{{"message", message}, {"finish_reason", "stop"}}}},
              {"usage", {{"prompt_tokens", 10}, {"completion_tokens", 5}}}}
      .dump();
}

std::string user_turn(const Received& received) {
  return Json::parse(received.body)["messages"].back()["content"].get<std::string>();
}

JudgeParts parts(const ScriptedServer& server, const std::string& mode, const std::string& prompt_template) {
  JudgeOptions options;
  options.base_url = server.url("/v1");
  options.model = "m";
  options.mode = mode;
  options.prompt_template = prompt_template;
  options.price_per_million_tokens = {"1", "2"};
  JudgeParts out;
  out.settings = check_judge(options, "judge.yaml", ".");
  out.client = {.timeout = 0.5, .max_retries = 2, .backoff = 0.005};
  return out;
}

Question ask(const std::string& prompt, const std::string& answer) {
  Question question;
  question.prompt.plain = prompt;
  question.answer.plain = answer;
  return question;
}

TEST(Judge, ScoresAreAskedForWithTheDeclaredParameters) {
  ScriptedServer server([](const Received& received) {
    const Json body = Json::parse(received.body);
    EXPECT_EQ(body["model"], "m");
    EXPECT_EQ(body["temperature"], 0);
    EXPECT_EQ(body["max_tokens"], 1024);
    const std::string turn = user_turn(received);
    return http_answer(200, chat(turn.rfind("P=q A=good", 0) == 0 ? "fine\nScore: 9" : "bad\nScore: 2"));
  });
  JudgeParts with_key = parts(server, "score", "P={prompt} A={answer}");
  with_key.client.bearer = "sk-secret";
  const auto judge = make_judge(std::move(with_key));
  const std::vector<Verdict> verdicts = judge->score({ask("q", "good"), ask("q", "poor"), ask("q", "good")});
  EXPECT_EQ(verdicts[0].score, 9);
  EXPECT_EQ(verdicts[1].score, 2);
  EXPECT_EQ(verdicts[2].score, 9);
  EXPECT_EQ(server.requests(), 2U) << "equal questions are asked once";
  EXPECT_EQ(server.received()[0].head.rfind("POST /v1/chat/completions ", 0), 0U);
  EXPECT_NE(server.received()[0].head.find("Bearer sk-secret"), std::string::npos);
  EXPECT_EQ(judge->scale()->lo, 1);
  EXPECT_EQ((judge->description() + judge->account()).find("sk-secret"), std::string::npos);
  EXPECT_NE(judge->account().find("3 questions, 0 answered by the cache, 2 requests"), std::string::npos);
  EXPECT_NE(judge->account().find("20 tokens in, 10 out, $0.0000"), std::string::npos) << judge->account();
}

TEST(Judge, ABadServerCostsRetriesAndTheRestIsMissing) {
  ScriptedServer server([](const Received& received) -> std::optional<std::string> {
    const std::string turn = user_turn(received);
    const bool again = received.number >= 5;
    if (turn.rfind("silent", 0) == 0 && !again) { return std::nullopt; }
    if (turn.rfind("busy", 0) == 0 && !again) {
      return http_answer(429, "slow down", "Retry-After: 0.05\r\n");
    }
    if (turn.rfind("half", 0) == 0 && !again) { return half_answer(chat("Score: 5")); }
    if (turn.rfind("garbage", 0) == 0) { return http_answer(200, "{\"choices\": [{\"mess"); }
    if (turn.rfind("off", 0) == 0) { return http_answer(200, chat("Score: 50")); }
    return http_answer(200, chat("Score: 5"));
  });
  JudgeParts slow = parts(server, "score", "{answer}");
  slow.client.concurrency = 5;
  const auto judge = make_judge(std::move(slow));
  const std::vector<Verdict> verdicts = judge->score(
      {ask("q", "silent"), ask("q", "busy"), ask("q", "half"), ask("q", "garbage"), ask("q", "off")});
  for (std::size_t i = 0; i < 3; ++i) { EXPECT_EQ(verdicts[i].score, 5) << verdicts[i].failure; }
  EXPECT_NE(verdicts[3].failure.find("not a JSON"), std::string::npos) << verdicts[3].failure;
  EXPECT_NE(verdicts[4].failure.find("off the scale"), std::string::npos) << verdicts[4].failure;
  // Six unreadable ones (four of them asked again), three good ones, three that were lost on the way.
  EXPECT_NE(judge->account().find("12 requests (7 of them again)"), std::string::npos) << judge->account();
  EXPECT_NE(judge->account().find("6 replies unreadable, 2 marks missing"), std::string::npos)
      << judge->account();
}

TEST(Judge, AnUnreadableReplyIsAskedForAgain) {
  ScriptedServer server([](const Received& received) {
    return http_answer(200, chat(received.number == 0 ? "I like it: 8" : "Score: 8"));
  });
  EXPECT_EQ(make_judge(parts(server, "score", "{answer}"))->score({ask("q", "a")})[0].score, 8);
  EXPECT_EQ(server.requests(), 2U);
}

TEST(Judge, ASecondRunAsksNothing) {
  const std::string folder = test_folder("judge_runs");
  ScriptedServer server([](const Received& received) {
    return http_answer(200, chat(user_turn(received).empty() ? "" : "Score: 4"));
  });
  const auto run = [&](const std::string& prompt_template) {
    JudgeParts kept = parts(server, "score", prompt_template);
    kept.cache = JudgeCache(folder, "c.jsonl");
    const auto judge = make_judge(std::move(kept));
    EXPECT_EQ(judge->score({ask("q", "a"), ask("q", "b")})[1].score, 4);
    return judge->account();
  };
  run("{answer}");
  EXPECT_EQ(server.requests(), 2U);
  EXPECT_NE(run("{answer}").find("2 questions, 2 answered by the cache, 0 requests"), std::string::npos);
  EXPECT_EQ(server.requests(), 2U);
  run("{answer}!");
  EXPECT_EQ(server.requests(), 4U) << "another prompt is another question";
}

TEST(Judge, ThumbsAreOneAndZero) {
  ScriptedServer server([](const Received& received) {
    return http_answer(200, chat(user_turn(received).rfind("good", 0) == 0 ? "Verdict: yes" : "Verdict: no"));
  });
  const auto judge = make_judge(parts(server, "thumbs", "{answer}"));
  EXPECT_TRUE(judge->is_thumbs());
  const std::vector<Verdict> verdicts = judge->score({ask("q", "good"), ask("q", "poor")});
  EXPECT_EQ(verdicts[0].score, 1);
  EXPECT_EQ(verdicts[1].score, 0);
}

// Prefers "good"; of equals it says "tie" or, when the prompt is "biased", always the first.
std::string pair_reply(const std::string& turn) {
  const bool first = turn.find("A=good") != std::string::npos,
             second = turn.find("B=good") != std::string::npos;
  if (turn.rfind("dead", 0) == 0 && second) { return "no idea"; }
  if (turn.rfind("biased", 0) == 0) { return "Verdict: A"; }
  return first == second ? "Verdict: tie" : first ? "Verdict: A" : "Verdict: B";
}

TEST(Judge, PairsAreAskedInBothOrdersAndMustAgree) {
  ScriptedServer server(
      [](const Received& received) { return http_answer(200, chat(pair_reply(user_turn(received)))); });
  const auto judge = make_judge(parts(server, "pairs", "{prompt}: A={answer_a} B={answer_b}"));
  ASSERT_NE(judge->comparer(), nullptr);
  const Question good = ask("p", "good"), poor = ask("p", "poor"), worse = ask("p", "worse");
  const Question biased_good = ask("biased", "good"), biased_poor = ask("biased", "poor");
  const Question dead_good = ask("dead", "good"), dead_poor = ask("dead", "poor");
  const std::vector<Comparer::Comparison> results = judge->comparer()->compare({{&good, &poor},
                                                                                {&poor, &good},
                                                                                {&poor, &worse},
                                                                                {&biased_good, &biased_poor},
                                                                                {&dead_good, &dead_poor}});
  EXPECT_EQ(results[0].preference, Comparer::Preference::kFirst);
  EXPECT_EQ(results[1].preference, Comparer::Preference::kSecond);
  EXPECT_EQ(results[2].preference, Comparer::Preference::kTie);
  EXPECT_EQ(results[3].preference, Comparer::Preference::kDisagreement);
  EXPECT_EQ(results[4].preference, Comparer::Preference::kMissing);
  EXPECT_NE(results[4].failure.find("no idea"), std::string::npos);
}

TEST(Judge, AJudgeOfPairsScoresByTheShareOfComparisonsWon) {
  ScriptedServer server(
      [](const Received& received) { return http_answer(200, chat(pair_reply(user_turn(received)))); });
  const auto judge = make_judge(parts(server, "pairs", "{prompt}: A={answer_a} B={answer_b}"));
  const std::vector<Verdict> verdicts =
      judge->score({ask("p", "poor"), ask("q", "alone"), ask("p", "good"), ask("p", "worse")});
  EXPECT_EQ(verdicts[0].score, 0.25);  // lost one, tied one
  EXPECT_NE(verdicts[1].failure.find("two answers"), std::string::npos);
  EXPECT_EQ(verdicts[2].score, 1);
  EXPECT_EQ(verdicts[3].score, 0.25);
}

TEST(Judge, AWrongKeyStopsAtOnceWithoutShowingIt) {
  ScriptedServer server([](const Received&) { return http_answer(401, "Incorrect API key: sk-secret"); });
  JudgeParts wrong = parts(server, "score", "{answer}");
  wrong.client.bearer = "sk-secret";
  try {
    make_judge(std::move(wrong))->score({ask("q", "a"), ask("q", "b")});
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("answered 401: Incorrect API key: ***"), std::string::npos)
        << error.what();
  }
}

TEST(Judge, ATemplateWithGroundTruthNeedsOne) {
  ScriptedServer server([](const Received& received) {
    return http_answer(200, chat(user_turn(received).rfind("a/t", 0) == 0 ? "Score: 3" : "Score: 1"));
  });
  const auto judge = make_judge(parts(server, "score", "{answer}/{ground_truth}"));
  Question with = ask("q", "a");
  with.ground_truth = "t";
  const std::vector<Verdict> verdicts = judge->score({with, ask("q", "a")});
  EXPECT_EQ(verdicts[0].score, 3);
  EXPECT_NE(verdicts[1].failure.find("--ground_truth_column"), std::string::npos);
}

}  // namespace
}  // namespace una::reward
