#include "una/net/client.h"

#include <chrono>
#include <csignal>
#include <map>

#include <gtest/gtest.h>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/log.h"
#include "una/base/os/interrupt.h"
#include "una/net/scripted_server_testing.h"

namespace una::net {
namespace {

void nap(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

ClientOptions quick() {
  ClientOptions options;
  options.timeout = 5;
  options.backoff = 0.005;
  options.max_retries = 3;
  return options;
}

std::vector<Request> requests(const ScriptedServer& server, std::size_t count) {
  std::vector<Request> out;
  for (std::size_t i = 0; i < count; ++i) {
    out.push_back({.url = server.url("/x"), .body = std::to_string(i)});
  }
  return out;
}

// One request to a server that says these things in turn (the last one for ever).
Outcome talk(std::vector<std::optional<std::string>> lines, ClientOptions options, std::size_t* tries) {
  ScriptedServer server(
      [&](const Received& received) { return lines[std::min(received.number, lines.size() - 1)]; });
  Client client(std::move(options));
  Outcome outcome = client.post(requests(server, 1)).front();
  if (tries != nullptr) { *tries = server.requests(); }
  return outcome;
}

std::string error_of(Client& client, const std::vector<Request>& posted) {
  try {
    client.post(posted);
  } catch (const InputError& error) { return error.what(); }
  return "";
}

TEST(Client, AnswersComeInTheOrderOfRequestsWithSeveralInFlight) {
  ScriptedServer server([](const Received& received) {
    nap(received.body == "0" ? 0.2 : 0.05);
    return http_answer(200, "to " + received.body);
  });
  ClientOptions options = quick();
  options.concurrency = 3;
  Client client(options);
  std::vector<std::size_t> order;
  const auto outcomes =
      client.post(requests(server, 7), [&](std::size_t index, const Outcome&) { order.push_back(index); });
  for (std::size_t i = 0; i < 7; ++i) { EXPECT_EQ(outcomes[i].body, "to " + std::to_string(i)); }
  EXPECT_EQ(server.most_at_once(), 3U);
  EXPECT_EQ(order.size(), 7U);
  EXPECT_NE(order.front(), 0U) << "the slow first one must not hold the others back";
  EXPECT_EQ(client.traffic().requests, 7);
}

TEST(Client, WhatMayPassIsTriedAgain) {
  const std::string good = http_answer(200, "fine");
  const std::map<std::string, std::string> passing = {
      {"500", http_answer(500, "oops")},      {"503", http_answer(503, "busy")},
      {"429", http_answer(429, "slow down")}, {"half", half_answer("0123456789")},
      {"garbage", "no HTTP at all\r\n\r\n"},  {"nothing", ""}};
  for (const auto& [name, bytes] : passing) {
    std::size_t tries = 0;
    const Outcome outcome = talk({bytes, bytes, good}, quick(), &tries);
    EXPECT_TRUE(outcome.ok) << name << ": " << outcome.failure;
    EXPECT_EQ(outcome.body, "fine") << name;
    EXPECT_EQ(tries, 3U) << name;
  }
}

TEST(Client, ARefusalIsFinalAndPatienceEnds) {
  std::size_t tries = 0;
  Outcome outcome = talk({http_answer(400, "no such model")}, quick(), &tries);
  EXPECT_FALSE(outcome.ok);
  EXPECT_EQ(outcome.status, 400);
  EXPECT_EQ(tries, 1U);
  EXPECT_NE(outcome.failure.find("/x answered 400: no such model"), std::string::npos) << outcome.failure;
  outcome = talk({http_answer(500, "broken")}, quick(), &tries);
  EXPECT_EQ(tries, 4U);
  EXPECT_NE(outcome.failure.find("answered 500 (4 tries): broken"), std::string::npos) << outcome.failure;
}

TEST(Client, ASilentServerTimesOutAndIsTriedAgain) {
  ClientOptions options = quick();
  options.timeout = 0.2;
  std::size_t tries = 0;
  EXPECT_TRUE(talk({std::nullopt, http_answer(200, "late")}, options, &tries).ok);
  EXPECT_EQ(tries, 2U);
  options.max_retries = 0;
  EXPECT_NE(talk({std::nullopt}, options, nullptr).failure.find("no whole answer within 0.2 s"),
            std::string::npos);
}

TEST(Client, RetryAfterPausesEveryRequest) {
  std::vector<double> times;
  std::mutex mutex;
  ScriptedServer server([&](const Received& received) {
    const std::lock_guard lock(mutex);
    times.push_back(monotonic_seconds());
    return received.number == 0 ? http_answer(429, "", "Retry-After: 1\r\n") : http_answer(200, "ok");
  });
  ClientOptions options = quick();
  options.concurrency = 1;
  Client client(options);
  for (const Outcome& outcome : client.post(requests(server, 3))) { EXPECT_TRUE(outcome.ok); }
  ASSERT_EQ(times.size(), 4U);
  EXPECT_GE(times[1] - times[0], 0.95);
  EXPECT_EQ(client.traffic().retries, 1);
  options.longest_pause = 0.5;
  std::size_t tries = 0;
  const Outcome outcome = talk({http_answer(429, "", "Retry-After: 30\r\n")}, options, &tries);
  EXPECT_EQ(tries, 1U);
  EXPECT_NE(outcome.failure.find("asks to wait 0:30"), std::string::npos) << outcome.failure;
}

TEST(Client, RequestsAMinuteAreLimited) {
  ScriptedServer server([](const Received&) { return http_answer(200, "ok"); });
  ClientOptions options = quick();
  options.requests_per_minute = 600;
  Client client(options);
  const double begin = monotonic_seconds();
  client.post(requests(server, 4));
  client.post(requests(server, 1));
  EXPECT_GE(monotonic_seconds() - begin, 0.39);
}

TEST(Client, NobodyAtTheAddressIsOneSentence) {
  std::string url;
  {
    const ScriptedServer gone([](const Received&) { return http_answer(200, ""); });
    url = gone.url("/score?key=secret");
  }
  Client client(quick());
  const std::string error = error_of(client, {{.url = url, .body = "{}"}});
  EXPECT_NE(error.find("(4 tries)"), std::string::npos) << error;
  EXPECT_NE(error.find("http://127.0.0.1:"), std::string::npos) << error;
  EXPECT_EQ(error.find("secret"), std::string::npos) << error;
}

TEST(Client, AServerThatWasThereAndGoesIsAFailureOfTheRows) {
  auto server = std::make_unique<ScriptedServer>([](const Received&) { return http_answer(200, "ok"); });
  const std::vector<Request> posted = requests(*server, 1);
  Client client(quick());
  EXPECT_TRUE(client.post(posted).front().ok);
  server.reset();
  const Outcome outcome = client.post(posted).front();
  EXPECT_FALSE(outcome.ok);
  EXPECT_NE(outcome.failure, "");
  EXPECT_EQ(client.traffic().failures, 1);
}

TEST(Client, TheKeyIsSentAndNeverShown) {
  ClientOptions options = quick();
  options.bearer = "sk-very-secret";
  ScriptedServer server([](const Received& received) { return http_answer(401, "wrong: " + received.head); });
  Client client(options);
  const Outcome outcome = client.post(requests(server, 1)).front();
  EXPECT_NE(server.received()[0].head.find("Authorization: Bearer sk-very-secret"), std::string::npos);
  EXPECT_NE(outcome.failure.find("answered 401"), std::string::npos);
  EXPECT_EQ(outcome.failure.find("sk-very"), std::string::npos) << outcome.failure;
}

TEST(Client, AGoodAnswerDoesNotBringTheKeyBack) {
  ScriptedServer server([](const Received& request) {
    return http_answer(request.number == 0 ? 200 : 500,
                       R"({"score": null, "error": "sk\u002dvery-secret, sk%2Dvery-secret, sk-very-secre"})");
  });
  ClientOptions options = quick();
  options.bearer = "sk-very-secret";
  options.max_retries = 0;
  options.concurrency = 1;
  const std::vector<Outcome> outcomes =
      Client(options).post({{.url = server.url(), .body = "{}"}, {.url = server.url(), .body = "{}"}});
  EXPECT_EQ(outcomes[0].body, R"({"score": null, "error": "***, ***, ***"})");
  EXPECT_NE(outcomes[1].failure.find("***, ***, ***"), std::string::npos) << outcomes[1].failure;
}

TEST(Client, CtrlCEndsAWait) {
  clear_interrupt();
  install_interrupt_handler();
  ScriptedServer server([](const Received&) { return std::optional<std::string>(); });
  Client client(quick());
  std::thread signal([] {
    nap(0.1);
    std::raise(SIGINT);
  });
  const double begin = monotonic_seconds();
  const std::string error = error_of(client, requests(server, 1));
  signal.join();
  clear_interrupt();
  EXPECT_NE(error.find("stopped while waiting for http://127.0.0.1"), std::string::npos) << error;
  EXPECT_LT(monotonic_seconds() - begin, 2);
}

TEST(Client, RedirectsAreNotFollowed) {
  std::size_t tries = 0;
  const Outcome outcome = talk(
      {http_answer(302, "", "Location: http://127.0.0.1:9/\r\n"), http_answer(200, "")}, quick(), &tries);
  EXPECT_FALSE(outcome.ok);
  EXPECT_EQ(tries, 1U);
}

}  // namespace
}  // namespace una::net
