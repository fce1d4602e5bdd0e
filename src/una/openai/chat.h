#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "una/core/example.h"
#include "una/core/sampling.h"
#include "una/openai/wire.h"

// POST /v1/chat/completions.
namespace una::openai {

// Absent fields are not sent, so that the server's defaults hold.
struct ChatRequest {
  std::string model;
  std::vector<Message> messages;  // at least one
  std::optional<double> temperature = {}, top_p = {};
  std::optional<std::int64_t> max_tokens = {}, seed = {};
  std::vector<std::string> stop = {};
  std::int64_t n = 1;
  bool stream = false;
  std::string tools = {};            // JSON text of a list, or ""
  std::string template_kwargs = {};  // JSON text of chat_template_kwargs, or ""
  // Read, not written; the sampling keys that vLLM has in addition, with what is above in them too (absent ones
  // have OpenAI's defaults).
  SamplingParams sampling = {};
  std::optional<std::int64_t> top_logprobs = {};  // nullopt: no log-probs are wanted
  bool include_usage = false, ignore_eos = false;
  bool add_generation_prompt = true, continue_final_message = false;
  std::vector<std::string> ignored = {};  // fields that are not known, for the log
};
Json request_json(const ChatRequest& request);
// `max_completion_tokens` counts as max_tokens; content may be a list of {"type": "text"} parts. BadRequest for a
// wrong field, and for one that would change the answer and is not supported.
ChatRequest read_chat_request(const std::string& body);

// One answer of a reply.
struct ChatChoice {
  std::int64_t index = 0;
  Message message;
  std::string finish_reason = {};     // "stop", "length", ...; "": the server gave none
  std::optional<Json> logprobs = {};  // written, not read: chat_logprobs of wire.h
};
// A server's answers to one request.
struct ChatReply {
  std::string id, model;
  std::int64_t created = 0;  // seconds since 1970
  std::vector<ChatChoice> choices;
  Usage usage;
};
Json reply_json(const ChatReply& reply);
// A piece of a stream: {"delta": {...}} instead of the message. The first piece of a choice has its role; finish_reason
// is null until the last one.
Json piece_json(const ChatReply& reply, bool first);
Json usage_piece_json(const ChatReply& reply);

// What came back of a request: `problem` is "" where the reply has an answer with a text, else why it has none. The
// usage is read in either case.
struct ReadChatReply {
  ChatReply reply;
  std::string problem;
};
ReadChatReply read_chat_reply(const std::string& body);

}  // namespace una::openai
