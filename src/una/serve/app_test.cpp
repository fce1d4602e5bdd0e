// The whole server over HTTP, with a model of milliseconds.
#include "una/serve/app.h"

#include <atomic>
#include <cmath>
#include <memory>
#include <thread>

#include <gtest/gtest.h>

#include <ATen/Parallel.h>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/rng.h"
#include "una/base/testing.h"
#include "una/core/tiny_spec_testing.h"
#include "una/net/raw_client_testing.h"

namespace una::serve {
namespace {

// Tensors this small are slower on two threads, and far slower on a busy machine.
[[maybe_unused]] const bool kOneThread = (at::set_num_threads(1), true);

constexpr const char* kTemplate =
    "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}";

const std::string kJsonType = "Content-Type: application/json\r\n";

// `headers`: further lines, each with its end.
std::string request_text(const std::string& method, const std::string& path, const std::string& body,
                         const std::string& headers = kJsonType) {
  return cat(method, " ", path,
             " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: ", body.size(), "\r\n",
             headers, "\r\n", body);
}

// The data of each server-sent event in `text`.
std::vector<std::string> events_of(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t at = text.find("data: "); at != std::string::npos; at = text.find("data: ", at + 1)) {
    out.push_back(text.substr(at + 6, text.find("\n\n", at) - at - 6));
  }
  return out;
}

// A random model with an adapter, and a server of it.
struct House {
  explicit House(ServeOptions options = {}, const std::string& key = "") {
    ModelSpec spec = tiny_spec({.vocabulary = 300, .positions = 600, .initializer_range = 0.3});
    spec.eos_ids = {0};
    model = std::make_unique<model::Model>(spec, 5, model::LoadOptions{});
    const model::AdapterId id = model->add_adapter({.r = 4, .target_modules = {"all-linear"}}, 1, true);
    for (model::TrainableTensor& tensor : model->trainable()) {
      tensor.master.set_data(tensor.master.detach().add(0.02));
    }
    model->refresh();
    const std::string json =
        text::train_bpe({"the sea the end the story of the sea", "a b c"}, 300, {"<eos>"});
    text::TextModel texts{.tokenizer = std::make_shared<const text::Tokenizer>(json, "", "", "test"),
                          .eos_id = 0};
    texts.chat_template = std::make_shared<const text::ChatTemplate>(kTemplate, "{}", "test");
    encoder = text::Encoder(texts);
    options.http.port = 0;
    options.adapter_root = test_folder("serve_app");
    ServedModel served{.model = model.get(), .encoder = &encoder, .path = "some/base"};
    served.adapters = {
        {.name = "mine",
         .handle = std::make_shared<const generate::LoadedAdapter>(generate::LoadedAdapter{id})}};
    served.reference = "hash";
    app = std::make_unique<App>(options, served, key);
  }

  struct Reply {
    int status = 0;
    std::string head, body;
    Json json() const { return parse_json(body, "the reply"); }
  };
  Reply call(const std::string& method, const std::string& path, const std::string& body = "",
             const std::string& headers = kJsonType) const {
    net::RawClient client(app->port());
    client.send(request_text(method, path, body, headers));
    const std::string answer = client.receive(60);
    const std::size_t end = answer.find("\r\n\r\n");
    if (end == std::string::npos) { return {}; }
    return {std::stoi(answer.substr(9, 3)), answer.substr(0, end), answer.substr(end + 4)};
  }
  Json post(const std::string& path, const Json& body, int status = 200) const {
    const Reply reply = call("POST", path, body.dump());
    EXPECT_EQ(reply.status, status) << path << " " << body.dump() << "\n" << reply.body;
    return reply.json();
  }
  std::vector<std::string> events(const std::string& path, const Json& body) const {
    return events_of(call("POST", path, body.dump()).body);
  }
  double metric(const std::string& name) const {
    for (const std::string& line : split(call("GET", "/metrics").body, '\n')) {
      if (starts_with(line, "una:" + name)) { return std::stod(line.substr(line.rfind(' '))); }
    }
    return -1;
  }
  bool wait_for(const std::function<bool()>& done) const {
    const double end = monotonic_seconds() + 60;
    while (!done() && monotonic_seconds() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return done();
  }

  std::unique_ptr<model::Model> model;
  text::Encoder encoder;
  std::unique_ptr<App> app;
};

const Json kAsk{{"model", "base"}, {"prompt", "the sea"}, {"max_tokens", 12}, {"temperature", 0}};

Json with(Json body, const Json& more) {
  body.update(more);
  return body;
}

TEST(App, APromptIsCompletedAsTheEngineDoesIt) {
  House house;
  const std::vector<std::int32_t> ids = house.encoder.tokenizer().encode("the sea", false);
  const Json asked = house.post("/v1/completions", with(kAsk, {{"return_token_ids", true}}));
  EXPECT_EQ(asked["usage"]["prompt_tokens"], ids.size());
  house.app.reset();  // the engine below is the only one now
  generate::Engine engine(*house.model, &house.encoder.tokenizer(), {});
  const auto output = generate_all(
      engine, {{.prompt = ids, .params = {.max_new_tokens = 12, .temperature = 0, .stop_ids = {0}}}})[0];
  EXPECT_EQ(asked["choices"][0]["text"], output.text);
  EXPECT_TRUE(asked["choices"][0]["token_ids"][0].is_number_integer());
  EXPECT_EQ(asked["choices"][0]["token_ids"].get<std::vector<std::int32_t>>(), output.ids);
}

TEST(App, BatchesEchoAndLogProbs) {
  const House house;
  const Json ids = house.post("/tokenize", {{"prompt", "the sea"}})["tokens"];
  const std::string one = house.post("/completions/", kAsk)["choices"][0]["text"];
  for (const Json& prompt : {ids, Json::array({ids}), Json::array({"the sea"})}) {
    EXPECT_EQ(house.post("/v1/completions", with(kAsk, {{"prompt", prompt}}))["choices"][0]["text"], one);
  }
  const Json many = house.post("/v1/completions", with(kAsk, {{"prompt", {"the sea", "a b"}}, {"n", 2}}));
  ASSERT_EQ(many["choices"].size(), 4U);
  EXPECT_EQ(many["choices"][3]["index"], 3);
  const Json echo = house.post(
      "/v1/completions",
      with(kAsk, {{"echo", true}, {"logprobs", 1}, {"max_tokens", 1}, {"prompt_logprobs", 2}}))["choices"][0];
  const Json& logprobs = echo["logprobs"];
  ASSERT_EQ(logprobs["token_logprobs"].size(), ids.size() + 1);
  EXPECT_TRUE(logprobs["token_logprobs"][0].is_null());
  EXPECT_TRUE(starts_with(echo["text"].get<std::string>(), "the sea"));
  double largest = -1e9;
  for (const Json& value : logprobs["top_logprobs"].back()) {
    largest = std::max(largest, value.get<double>());
  }
  EXPECT_EQ(logprobs["token_logprobs"].back(), largest) << "greedy, bit by bit";
  EXPECT_EQ(echo["prompt_logprobs"][1][ids[1].dump()]["logprob"], logprobs["token_logprobs"][1]);
  const Json scored = house.post(
      "/v1/completions", with(kAsk, {{"echo", true}, {"logprobs", 0}, {"max_tokens", 0}}))["choices"][0];
  EXPECT_EQ(scored["text"], "the sea");
  EXPECT_EQ(scored["logprobs"]["token_logprobs"].size(), ids.size());
}

TEST(App, AStreamIsTheWholeAnswerInParts) {
  const House house;
  for (const char* path : {"/v1/completions", "/v1/chat/completions"}) {
    const bool is_chat = std::string(path) == "/v1/chat/completions";
    Json body = with(kAsk, {{"logprobs", 2}, {"seed", 4}});
    if (is_chat) {
      body = {{"messages", {{{"role", "user"}, {"content", "the sea"}}}},
              {"max_tokens", 12},
              {"logprobs", true},
              {"seed", 4}};
    }
    const Json whole = house.post(path, body);
    const auto events =
        house.events(path, with(body, {{"stream", true}, {"stream_options", {{"include_usage", true}}}}));
    ASSERT_GT(events.size(), 3U);
    EXPECT_EQ(events.back(), "[DONE]");
    const Json last = parse_json(events[events.size() - 2], "event");
    EXPECT_EQ(last["usage"], whole["usage"]);
    EXPECT_TRUE(last["choices"].empty());
    std::string text;
    Json logps = Json::array();
    for (std::size_t i = 0; i + 2 < events.size(); ++i) {
      const Json part = parse_json(events[i], "event")["choices"][0];
      const bool at_end = i + 3 == events.size();
      EXPECT_EQ(part["finish_reason"].is_null(), !at_end) << events[i];
      if (is_chat) { text += part["delta"].value("content", ""); }
      if (!is_chat) { text += part["text"].get<std::string>(); }
      if (!part.contains("logprobs")) { continue; }
      for (const Json& each : is_chat ? part["logprobs"]["content"] : part["logprobs"]["token_logprobs"]) {
        logps.push_back(each);
      }
    }
    const Json& choice = whole["choices"][0];
    EXPECT_EQ(text, is_chat ? choice["message"]["content"] : choice["text"]);
    EXPECT_EQ(logps, is_chat ? choice["logprobs"]["content"] : choice["logprobs"]["token_logprobs"]);
  }
}

TEST(App, ManyAtOnceSayWhatOneAloneSays) {
  const House house;
  std::vector<Json> bodies;
  std::vector<std::string> alone;
  for (int i = 0; i < 16; ++i) {
    bodies.push_back(with(kAsk, {{"model", i % 2 == 0 ? "base" : "mine"},
                                 {"prompt", cat("the sea ", i % 5)},
                                 {"temperature", 1},
                                 {"seed", i},
                                 {"max_tokens", 20}}));
    alone.push_back(house.post("/v1/completions", bodies.back())["choices"][0]["text"]);
  }
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    threads.emplace_back([&, i] {
      wrong += house.post("/v1/completions", bodies[i])["choices"][0]["text"] == alone[i] ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) { thread.join(); }
  EXPECT_EQ(wrong, 0);
  EXPECT_NE(alone[0],
            house.post("/v1/completions", with(bodies[0], {{"model", "mine"}}))["choices"][0]["text"]);
}

TEST(App, ErrorsHaveTheFormThatClientsRead) {
  const House house;
  const auto status = [&](const std::string& method, const std::string& path, const std::string& body,
                          const std::string& headers = "Content-Type: application/json\r\n") {
    const House::Reply reply = house.call(method, path, body, headers);
    EXPECT_EQ(reply.json()["error"]["code"], reply.status) << path;
    return reply.status;
  };
  EXPECT_EQ(status("POST", "/v1/completions", R"({"model": "nope", "prompt": "x"})"), 404);
  EXPECT_EQ(status("POST", "/v1/nothing", "{}"), 404);
  EXPECT_EQ(status("GET", "/v1/models/nope", ""), 404);
  EXPECT_EQ(status("GET", "/v1/tokenizer_info", ""), 404) << "lm-eval would add a BOS to every prompt";
  EXPECT_EQ(status("GET", "/v1/completions", ""), 405);
  EXPECT_EQ(status("POST", "/v1/completions", "{"), 400);
  EXPECT_EQ(status("POST", "/v1/completions", "{}", "Content-Type: text/plain\r\n"), 415);
  EXPECT_EQ(status("POST", "/v1/completions", "{}",
                   "Content-Type: application/json\r\nOrigin: https://e.example\r\n"),
            403);
  EXPECT_EQ(status("POST", "/v1/load_lora_adapter", R"({"lora_name": "x", "lora_path": "/etc"})"), 404);
  const auto blamed = [&](const Json& more) {
    return house.post("/v1/completions", with(kAsk, more), 400)["error"]["param"].get<std::string>();
  };
  EXPECT_EQ(blamed({{"suffix", "x"}}), "suffix");
  EXPECT_EQ(blamed({{"prompt", {{1, 300}}}}), "prompt");
  EXPECT_EQ(blamed({{"prompt", std::vector<int>(601, 1)}}), "prompt");
  EXPECT_EQ(blamed({{"logprobs", 21}}), "logprobs");
  house.post("/v1/completions", with(kAsk, {{"user", "me"}, {"suffix", ""}, {"unheard_of", 1}}));
}

TEST(App, ModelsHealthAndAKey) {
  const House house({}, "sesame-street");
  const std::string key = "Authorization: Bearer sesame-street\r\n";
  EXPECT_EQ(house.call("GET", "/v1/models").status, 401);
  EXPECT_EQ(house.call("GET", "/v1/models", "", "Authorization: Bearer sesame\r\n").status, 401);
  EXPECT_EQ(house.call("GET", "/health/").status, 200);
  const Json cards = house.call("GET", "/models/", "", key).json()["data"];
  ASSERT_EQ(cards.size(), 2U);
  EXPECT_EQ(cards[0]["id"], "base");
  EXPECT_EQ(cards[0]["max_model_len"], 600);
  EXPECT_EQ(cards[1]["parent"], "base");
  EXPECT_EQ(house.call("GET", "/v1/models/mine", "", key).json(), cards[1]);
}

TEST(App, AClientThatGoesFreesItsPlace) {
  const House house;
  const std::string body =
      with(kAsk, {{"max_tokens", 500}, {"ignore_eos", true}, {"stream", true}, {"n", 4}}).dump();
  net::RawClient client(house.app->port());
  client.send(request_text("POST", "/v1/completions", body));
  client.receive(30, "data: ");
  client.close();
  EXPECT_TRUE(house.wait_for([&] { return house.app->jobs() == 0; }));
  EXPECT_GE(house.metric("request_success_total{model_name=\"base\",finished_reason=\"abort\"}"), 1);
  EXPECT_EQ(house.metric("num_requests_running"), 0);
}

TEST(App, DrainingRefusesNewRequestsAndEndsStreamsWithAnEvent) {
  const House house;
  const Json body = with(kAsk, {{"max_tokens", 590}, {"ignore_eos", true}, {"stream", true}, {"n", 64}});
  std::vector<std::string> events;
  std::thread thread([&] { events = house.events("/v1/completions", body); });
  house.wait_for([&] { return house.app->jobs() > 0; });
  house.app->drain();
  const House::Reply refused = house.call("POST", "/v1/completions", kAsk.dump());
  EXPECT_EQ(refused.status, 503);
  EXPECT_NE(refused.head.find("retry-after: 1"), std::string::npos);
  EXPECT_EQ(house.call("GET", "/health").status, 503);
  house.app->fail_rest();
  EXPECT_EQ(house.app->jobs(), 0U);
  thread.join();
  if (events.empty()) { return; }  // it had not begun: the answer was a 503
  EXPECT_EQ(events.back(), "[DONE]");
  EXPECT_EQ(parse_json(events[events.size() - 2], "event")["error"]["code"], 503);
}

TEST(App, AnAdapterMayBeUnloadedWhileItAnswers) {
  const House house;
  const Json body = with(kAsk, {{"model", "mine"}, {"max_tokens", 300}, {"ignore_eos", true}});
  const std::string alone = house.post("/v1/completions", body)["choices"][0]["text"];
  net::RawClient client(house.app->port());
  client.send(request_text("POST", "/v1/completions", with(body, {{"stream", true}}).dump()));
  const std::string begin =
      client.receive(60, "data: ");  // it is being answered, whatever else the machine does
  EXPECT_EQ(house.call("POST", "/v1/unload_lora_adapter", R"({"lora_name": "mine"})").status, 200);
  EXPECT_EQ(house.call("POST", "/v1/unload_lora_adapter", R"({"lora_name": "mine"})").status, 404);
  std::string during;
  for (const std::string& event : events_of(begin + client.receive(60))) {
    if (event != "[DONE]") { during += parse_json(event, "event")["choices"][0]["text"].get<std::string>(); }
  }
  EXPECT_EQ(during, alone);
  house.post("/v1/completions", body, 404);
}

TEST(App, AnImplicitRewardIsBetaTimesTheLogRatio) {
  const House house;
  const Json ids = house.post("/tokenize", {{"prompt", "the sea the end"}})["tokens"];
  const auto sum = [&](const char* model) {
    double total = 0;
    const Json body{
        {"model", model}, {"prompt", Json::array({ids})}, {"max_tokens", 0}, {"echo", true}, {"logprobs", 0}};
    const Json reply = house.post("/v1/completions", body);
    for (const Json& value : reply["choices"][0]["logprobs"]["token_logprobs"]) {
      total += value.is_null() ? 0 : value.get<double>();
    }
    return total;
  };
  const double wanted = 0.1 * (sum("mine") - sum("base"));
  EXPECT_GT(std::fabs(wanted), 1e-4);
  const Json raw =
      house.post("/classify", {{"model", "mine"}, {"input", "the sea the end"}, {"use_activation", false}});
  EXPECT_NEAR(raw["data"][0]["probs"][0].get<double>(), wanted, 1e-5);
  EXPECT_EQ(raw["una"]["kind"], "implicit");
  const Json squashed = house.post("/classify", {{"model", "mine"}, {"input", "the sea the end"}});
  EXPECT_NEAR(squashed["data"][0]["probs"][0].get<double>(), 1 / (1 + std::exp(-wanted)), 1e-5);
  EXPECT_NEAR(house.post("/get_reward", {{"query", {"the sea the end"}}})["rewards"][0].get<double>(), wanted,
              1e-5);
  const Json two = house.post("/v1/score", {{"text_1", "the sea"}, {"text_2", {"the end", "a b c"}}})["data"];
  const Json ranked =
      house.post("/v2/rerank", {{"query", "the sea"}, {"documents", {"the end", "a b c"}}})["results"];
  EXPECT_EQ(ranked[0]["index"], two[0]["score"] > two[1]["score"] ? 0 : 1);
  const Json objects = Json::array({{{"text", "the end"}}, {{"text", "a b c"}}});
  EXPECT_EQ(house.post("/v2/rerank", {{"query", "the sea"}, {"documents", objects}})["results"], ranked);
  house.post("/v2/rerank", {{"documents", objects}}, 400);
  const Json untitled = Json::array({{{"title", "no text"}}});
  house.post("/v2/rerank", {{"query", "the sea"}, {"documents", untitled}}, 400);
  house.post("/v1/score", {{"model", "base"}, {"text_1", "a"}, {"text_2", "b"}}, 400);
}

const std::vector<std::string> kKeys = {"model",
                                        "prompt",
                                        "messages",
                                        "max_tokens",
                                        "temperature",
                                        "top_p",
                                        "n",
                                        "logprobs",
                                        "echo",
                                        "stop",
                                        "stream",
                                        "seed",
                                        "input",
                                        "query",
                                        "documents",
                                        "text_1",
                                        "text_2",
                                        "tokens",
                                        "tools",
                                        "chat_template_kwargs",
                                        "stop_token_ids",
                                        "top_logprobs",
                                        "prompt_logprobs",
                                        "min_tokens",
                                        "continue_final_message",
                                        "lora_name",
                                        "lora_path",
                                        "prompts"};
const std::vector<std::string> kValues = {"null",
                                          "true",
                                          "0",
                                          "1",
                                          "-1",
                                          "1e400",
                                          "1e308",
                                          "2.5",
                                          "99999999999",
                                          "\"\"",
                                          "\"the sea\"",
                                          "\"mine\"",
                                          "\"../x\"",
                                          "[]",
                                          "[1,2]",
                                          "[[1],[2,3]]",
                                          "[299]",
                                          "[300]",
                                          "[-5]",
                                          "{}",
                                          "[\"a\",\"\"]",
                                          "[{\"role\":\"user\",\"content\":\"a\"}]",
                                          "[{\"role\":\"assistant\"}]",
                                          "[{}]",
                                          "\"\\ud800\"",
                                          "\"\\u0000\"",
                                          "[null]",
                                          "{\"a\":{\"b\":[[]]}}",
                                          "\"\xff\"",
                                          "[[[[]]]]"};
const std::vector<std::string> kPaths = {
    "/v1/completions", "/v1/chat/completions", "/tokenize", "/detokenize",
    "/v1/score",       "/v1/rerank",           "/classify", "/pooling",
    "/get_reward",     "/v1/load_lora_adapter"};

// Bodies by chance: pieces of good ones, broken in several ways. The server must never be at fault.
TEST(App, NoBodyMakesTheServerFail) {
  ServeOptions options;
  options.max_prompts = 4;
  const House house(options);
  Rng rng(7, stream_id("fuzz"));
  for (int i = 0; i < 1500; ++i) {
    std::string body = "{\"max_tokens\":3";
    const std::uint64_t count = rng.below(5);
    for (std::uint64_t k = 0; k < count; ++k) {
      body += cat(",\"", kKeys[rng.below(kKeys.size())], "\":", kValues[rng.below(kValues.size())]);
    }
    body += rng.below(20) == 0 ? "" : "}";
    if (rng.below(10) == 0) { body[rng.below(body.size())] = static_cast<char>(rng.below(256)); }
    const std::string& path = kPaths[rng.below(kPaths.size())];
    const House::Reply reply = house.call("POST", path, body);
    ASSERT_TRUE(reply.status >= 200 && reply.status < 500)
        << reply.status << " " << path << " " << body << "\n"
        << reply.body;
  }
  EXPECT_EQ(house.call("GET", "/health").status, 200);
}

}  // namespace
}  // namespace una::serve
