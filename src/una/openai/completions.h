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
  std::int64_t n = 1;                         // answers per prompt
  std::optional<std::int64_t> logprobs = {};  // how many alternatives of each token
  bool return_token_ids = false;              // vLLM's: ids in addition to the text
  bool echo = false, stream = false;          // the prompt comes back first; the answer comes in pieces
  std::string cache_salt = {};                // names the weights: prefixes of others are not reused
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
};
// A server's answers to one request.
struct CompletionReply {
  std::string id, model;
  std::int64_t created = 0;  // seconds since 1970
  std::vector<CompletionChoice> choices;
  Usage usage;
};
Json reply_json(const CompletionReply& reply);

// What came back of a request: `problem` is "" where the reply has an answer, else why it has none.
struct ReadCompletionReply {
  CompletionReply reply;
  std::string problem;
};
ReadCompletionReply read_completion_reply(const std::string& body);

}  // namespace una::openai
