#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "una/core/sampling.h"
#include "una/openai/wire.h"

// POST /v1/completions.
namespace una::openai {

using TokenIds = std::vector<std::int32_t>;

// Prompts to complete, as text or ids.
struct CompletionRequest {
  std::string model;
  std::vector<std::variant<TokenIds, std::string>> prompts;  // at least one
  SamplingParams sampling;
  bool seeded = false;                        // read: whether there is a seed; without one answers differ
  std::int64_t n = 1;                         // answers per prompt
  std::optional<std::int64_t> logprobs = {};  // how many alternatives of each token
  bool return_token_ids = false;              // vLLM's: ids in addition to the text
  bool echo = false, stream = false;          // the prompt comes back first; the answer comes in pieces
  std::string cache_salt = {};                // names the weights: prefixes of others are not reused
  std::optional<std::int64_t> prompt_logprobs = {};  // vLLM's: of the prompt's ids, with so many alternatives
  bool include_usage = false;                        // stream_options: a last piece tells the usage
  bool add_special_tokens = true;                    // of prompts that are texts
  bool ignore_eos = false;                           // the model's own end tokens do not end an answer
  std::vector<std::string> ignored = {};             // fields that are not known, for the log
};
// Every sampling key is written, 1 and 0 too: servers take absent ones from the model's generation_config.json.
Json request_json(const CompletionRequest& request);
// Defaults are OpenAI's (max_tokens 16). BadRequest for a wrong field, and for one that would change the answer and
// is not supported.
CompletionRequest read_completion_request(const std::string& body);

// One answer of a reply. What a server did not send is nullopt or empty; numbers are as they came, for the reader
// to check.
struct CompletionChoice {
  std::int64_t index = 0;
  std::optional<std::string> text = {};
  std::string finish_reason = {};  // "stop", "length", ...; "": the server gave none
  // What ended a stopped answer: a string, an id, or (null) an end token that is not named. nullopt: not told.
  std::optional<Json> stop_reason = {};
  std::optional<std::vector<double>> token_ids = {}, prompt_token_ids = {};  // NaN: not a number
  std::vector<std::string> tokens = {};                                      // of logprobs
  std::vector<std::optional<double>> token_logprobs = {};                    // nullopt: null or not a number
  // Written, not read: see completion_logprobs and prompt_logprobs of wire.h.
  std::optional<Json> logprobs = {}, prompt_logprobs = {};
};
// A server's answers to one request.
struct CompletionReply {
  std::string id, model;
  std::int64_t created = 0;  // seconds since 1970
  std::vector<CompletionChoice> choices;
  Usage usage;
};
Json reply_json(const CompletionReply& reply);
// A piece of a stream: the same without the usage, which a last piece tells.
Json piece_json(const CompletionReply& reply);
Json usage_piece_json(const CompletionReply& reply);

// What came back of a request: `problem` is "" where the reply has an answer, else why it has none.
struct ReadCompletionReply {
  CompletionReply reply;
  std::string problem;
};
ReadCompletionReply read_completion_reply(const std::string& body);

}  // namespace una::openai
