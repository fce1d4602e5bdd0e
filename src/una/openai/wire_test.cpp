#include "una/openai/wire.h"

#include <gtest/gtest.h>

#include "una/openai/chat.h"
#include "una/openai/completions.h"

namespace una::openai {
namespace {

ChatRequest chat_request() {
  ChatRequest request;
  request.model = "judge";
  request.messages = {{"system", "be brief", ""},
                      {"user", "hi \"there\"\n\xC3\xA9", R"({"name":"Ann"})"},
                      {"assistant", "", R"({"tool_calls":[{"id":"1"}]})"}};
  request.temperature = 0;
  request.top_p = 0.5;
  request.max_tokens = 12;
  request.seed = 7;
  request.stop = {"END", "\n"};
  request.n = 2;
  request.stream = true;
  request.tools = R"([{"type":"function"}])";
  request.template_kwargs = R"({"thinking":false})";
  return request;
}

CompletionRequest completion_request() {
  CompletionRequest request;
  request.model = "policy";
  request.prompts = {TokenIds{5, 6}, std::string("text")};
  request.sampling = {.max_new_tokens = 9,
                      .min_new_tokens = 2,
                      .temperature = 0.5,
                      .top_p = 0.9,
                      .top_k = 3,
                      .min_p = 0.1,
                      .repetition_penalty = 1.2,
                      .seed = 77,
                      .stop = {"x"},
                      .stop_ids = {0, 2}};
  request.n = 2;
  request.logprobs = 1;
  request.return_token_ids = request.echo = request.stream = true;
  request.cache_salt = "round 2";
  return request;
}

// The field that a refusal names; "none" where nothing was refused.
template <class Read>
std::string blamed(const Read& read, const std::string& body) {
  try {
    read(body);
  } catch (const BadRequest& error) { return error.param(); }
  return "none";
}

TEST(Wire, AChatRequestComesBackAsItWasWritten) {
  const Json json = request_json(chat_request());
  EXPECT_EQ(request_json(read_chat_request(json.dump())).dump(), json.dump());
  const ChatRequest plain{.model = "m", .messages = {{"user", "hi", ""}}};
  EXPECT_EQ(request_json(plain).dump(), R"({"model":"m","messages":[{"role":"user","content":"hi"}]})");
  EXPECT_EQ(request_json(read_chat_request(request_json(plain).dump())).dump(), request_json(plain).dump());
}

TEST(Wire, ACompletionRequestComesBackAsItWasWritten) {
  const Json json = request_json(completion_request());
  EXPECT_EQ(request_json(read_completion_request(json.dump())).dump(), json.dump());
  CompletionRequest one;
  one.prompts = {TokenIds{1, 2}};
  const Json single = request_json(one);
  EXPECT_EQ(single["prompt"], (TokenIds{1, 2}));
  EXPECT_EQ(single["top_k"], -1);
  EXPECT_EQ(request_json(read_completion_request(single.dump())).dump(), single.dump());
  EXPECT_EQ(read_completion_request(R"({"prompt": "p"})").sampling.max_new_tokens, 16);
}

TEST(Wire, RepliesComeBackAsTheyWereWritten) {
  ChatReply chat{.id = "chatcmpl-1", .model = "m", .created = 1700000000, .choices = {}, .usage = {12, 3}};
  chat.choices.push_back({.index = 0, .message = {"assistant", "Score: 7", ""}, .finish_reason = "stop"});
  chat.choices.push_back(
      {.index = 1, .message = {"assistant", "cut", R"({"name":"a"})"}, .finish_reason = "length"});
  const ReadChatReply read = read_chat_reply(reply_json(chat).dump());
  EXPECT_EQ(read.problem, "");
  EXPECT_EQ(reply_json(read.reply).dump(), reply_json(chat).dump());

  CompletionReply completion{.id = "cmpl-1", .model = "m", .created = 5, .choices = {}, .usage = {2, 3}};
  CompletionChoice choice{.index = 1, .text = "a b", .finish_reason = "stop", .stop_reason = Json("b")};
  choice.token_ids = {7, 8};
  choice.prompt_token_ids = {5, 6};
  choice.tokens = {"a", " b"};
  choice.token_logprobs = {std::nullopt, -0.5};
  completion.choices = {choice, {.text = "", .finish_reason = "length"}};
  EXPECT_EQ(reply_json(completion)["choices"][0]["token_ids"].dump(), "[7,8]");
  const ReadCompletionReply again = read_completion_reply(reply_json(completion).dump());
  EXPECT_EQ(again.problem, "");
  EXPECT_EQ(reply_json(again.reply).dump(), reply_json(completion).dump());
}

TEST(Wire, ARequestIsRefusedByTheNameOfItsField) {
  const auto chat = [](const std::string& body) { return blamed(read_chat_request, body); };
  const std::string start = R"({"messages": [{"role": "user", "content": "hi"}])";
  EXPECT_EQ(chat(start + "}"), "none");
  EXPECT_EQ(chat(start + R"(, "frequency_penalty": 0, "presence_penalty": 0.0, "user": "x"})"), "none");
  EXPECT_EQ(chat(start + R"(, "frequency_penalty": 0.5})"), "none");
  EXPECT_EQ(chat(start + R"(, "frequency_penalty": 2.5})"), "frequency_penalty");
  EXPECT_EQ(chat(start + R"(, "top_logprobs": 21})"), "top_logprobs");
  EXPECT_EQ(chat(R"({"messages": 1, "messages": 2})"), "messages");
  EXPECT_EQ(chat(start + R"(, "response_format": {"type": "json_object"}})"), "response_format");
  EXPECT_EQ(chat(start + R"(, "tool_choice": "required"})"), "tool_choice");
  EXPECT_EQ(chat(start + R"(, "temperature": "hot"})"), "temperature");
  EXPECT_EQ(chat(R"({"messages": []})"), "messages");
  EXPECT_EQ(chat(R"({"messages": [{"content": "hi"}]})"), "messages");
  EXPECT_EQ(chat(R"({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]})"), "messages");
  EXPECT_EQ(chat("[]"), "");
  const auto completion = [](const std::string& body) { return blamed(read_completion_request, body); };
  EXPECT_EQ(completion("{}"), "prompt");
  EXPECT_EQ(completion(R"({"prompt": [1, 2.5]})"), "prompt");
  EXPECT_EQ(completion(R"({"prompt": "p", "best_of": 3})"), "best_of");
  EXPECT_EQ(completion(R"({"prompt": "p", "n": 3, "best_of": 3})"), "none");
  EXPECT_EQ(completion(R"({"prompt": "p", "suffix": "s"})"), "suffix");
  EXPECT_EQ(completion(R"({"prompt": "p", "max_tokens": 1.5})"), "max_tokens");
  EXPECT_EQ(completion(R"({"prompt": "p", "stop": [1]})"), "stop");
}

TEST(Wire, PartsOfTextAndTheNewerNameOfMaxTokensAreRead) {
  const ChatRequest request = read_chat_request(
      R"({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}],)"
      R"("max_completion_tokens": 5, "max_tokens": 9})");
  EXPECT_EQ(request.messages[0].content, "ab");
  EXPECT_EQ(request.max_tokens, 5);
}

TEST(Wire, LogProbsAreShownAsClientsReadThem) {
  const TokenEntry first{.id = 3, .text = "Gr\xC3\xBC"},
      second{.id = 5,
             .text = "\xC3\x9F e",
             .logprob = -0.5,
             .top = {{.id = 7, .text = "a", .logprob = -0.25, .rank = 1},
                     {.id = 8, .text = "a", .logprob = -3.0, .rank = 2}},
             .rank = 4};
  EXPECT_EQ(completion_logprobs({first, second}, true, 10).dump(),
            parse_json(R"({"tokens":["Gr\u00fc","\u00df e"],"token_logprobs":[null,-0.5],)"
                       R"("top_logprobs":[null,{"a":-0.25,"\u00df e":-0.5}],"text_offset":[10,13]})",
                       "wanted")
                .dump());
  EXPECT_EQ(completion_logprobs({second}, false, 0)["top_logprobs"], nullptr);
  EXPECT_EQ(prompt_logprobs({first, second})[1]["5"].dump(),
            parse_json(R"({"logprob":-0.5,"rank":4,"decoded_token":"\u00df e"})", "wanted").dump());
  EXPECT_EQ(prompt_logprobs({first})[0], nullptr);
  const Json chat = chat_logprobs(
      {{.id = 1, .text = "hi", .logprob = -1e9}, {.id = 2, .text = "\xEF\xBF\xBD", .logprob = -1}});
  EXPECT_EQ(chat["content"][0]["bytes"].dump(), "[104,105]");
  EXPECT_EQ(chat["content"][0]["logprob"], kLeastLogprob);
  EXPECT_EQ(chat["content"][1]["bytes"], nullptr) << "a part of a character";
}

TEST(Wire, PiecesOfAStreamHaveNoFinishReasonUntilTheLast) {
  ChatReply reply{.id = "chatcmpl-1", .model = "m", .created = 5, .choices = {}, .usage = {2, 3}};
  reply.choices.push_back({.index = 0, .message = {"assistant", "", ""}});
  EXPECT_EQ(piece_json(reply, true)["choices"].dump(),
            R"([{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}])");
  reply.choices[0].message.content = "x";
  EXPECT_EQ(piece_json(reply, false)["choices"].dump(),
            R"([{"index":0,"delta":{"content":"x"},"finish_reason":null}])");
  reply.choices[0] = {.index = 0, .message = {"assistant", "", ""}, .finish_reason = "stop"};
  EXPECT_EQ(piece_json(reply, false)["choices"].dump(), R"([{"index":0,"delta":{},"finish_reason":"stop"}])");
  EXPECT_FALSE(piece_json(reply, false).contains("usage"));
  EXPECT_EQ(usage_piece_json(reply)["choices"].dump(), "[]");
  EXPECT_EQ(usage_piece_json(reply)["usage"]["total_tokens"], 5);
}

TEST(Wire, AReplyThatIsNoneSaysWhy) {
  EXPECT_EQ(read_chat_reply("<html>").problem, "the reply is not a JSON object");
  for (const char* body : {"{}", R"({"choices": []})", R"({"choices": [3]})",
                           R"({"choices": [{"message": {"content": null}}]})"}) {
    EXPECT_EQ(read_chat_reply(body).problem, "the reply has no choices[0].message.content") << body;
  }
  EXPECT_EQ(read_completion_reply("<html>").problem, "the reply is not JSON");
  EXPECT_EQ(read_completion_reply(R"({"choices": []})").problem, "the reply has no choices");
}

TEST(Wire, AnErrorHasTheFormThatClientsRead) {
  EXPECT_EQ(error_json(400, "no", "top_p").dump(),
            R"({"error":{"message":"no","type":"invalid_request_error","param":"top_p","code":400}})");
  EXPECT_EQ(error_json(503, "busy")["error"]["type"], "server_error");
}

}  // namespace
}  // namespace una::openai
