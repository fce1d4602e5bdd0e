#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "una/base/error.h"
#include "una/base/json.h"
#include "una/core/sampling.h"

// The wire format of OpenAI-compatible servers (vLLM's form), in both directions: requests are written by our
// clients and read by our server, replies the other way round. Readers of requests are strict and name the field;
// readers of replies are lenient, since servers differ.
namespace una::openai {

// A request that a server must answer with status 400. `param()` is the field to blame, or "".
class BadRequest : public InputError {
 public:
  BadRequest(std::string param, const std::string& sentence)
      : InputError(sentence), param_(std::move(param)) {}
  const std::string& param() const { return param_; }

 private:
  std::string param_;
};

// Tokens that a request cost, as the server counts them.
struct Usage {
  std::int64_t prompt_tokens = 0, completion_tokens = 0;
  bool operator==(const Usage&) const = default;
};
Json usage_json(const Usage& usage);
Usage read_usage(const Json& reply);  // zeros where the reply has none

// {"error": {"message", "type", "param", "code"}}; the code is the HTTP status.
Json error_json(int status, const std::string& message, const std::string& param = "");

// One token as a reply shows it. A token that is a part of a character has a text of U+FFFD and no bytes.
struct TokenEntry {
  std::int32_t id = 0;
  std::string text;
  std::optional<double> logprob = {};  // nullopt: nothing precedes it
  std::vector<TokenEntry> top = {};    // the likeliest tokens in its place, likeliest first
  std::int64_t rank = 0;               // 1: the likeliest; 0: not known
};
// What JSON can hold and clients can add: log-probs below are cut, as in vLLM.
inline constexpr double kLeastLogprob = -9999.0;

// "logprobs" of a completion: tokens, token_logprobs, top_logprobs (the likeliest and the token itself; null
// where nothing precedes), text_offset in characters from `offset` on. `with_top` false: top_logprobs is null.
Json completion_logprobs(const std::vector<TokenEntry>& tokens, bool with_top, std::int64_t offset);
// "logprobs" of a chat answer: {"content": [{token, logprob, bytes, top_logprobs}]}.
Json chat_logprobs(const std::vector<TokenEntry>& tokens);
// vLLM's "prompt_logprobs": for each token null or {"id": {logprob, rank, decoded_token}}.
Json prompt_logprobs(const std::vector<TokenEntry>& tokens);

// One server-sent event; and the one that ends a stream.
std::string event(const Json& json);
inline constexpr const char* kDoneEvent = "data: [DONE]\n\n";

// JSON text for other programs: bytes that are not UTF-8 (a model may sample any byte) becomes U+FFFD.
std::string dump(const Json& json);

// The member `name` of an object; nullptr where it is absent or null, or `json` is not an object.
const Json* member(const Json& json, const char* name);

namespace detail {

// Reads the fields of a request's body one by one. BadRequest for a wrong type.
class Fields {
 public:
  // BadRequest unless it is a JSON object, nested no deeper than can be copied, with each key once.
  explicit Fields(const std::string& body);
  std::optional<std::string> text(const char* name) const;
  std::optional<double> number(const char* name) const;  // finite
  std::optional<std::int64_t> integer(const char* name) const;
  std::optional<bool> flag(const char* name) const;
  std::vector<std::string> texts(const char* name) const;  // a string or a list of strings; absent: empty
  std::vector<std::int32_t> ids(const char* name) const;   // absent: empty
  const Json* any(const char* name) const { return member(body_, name); }
  // BadRequest where the field has another value than `no_op`, which we would not honour.
  void refuse_unless(const char* name, const Json& no_op) const;
  // BadRequest outside [least, most].
  std::optional<std::int64_t> count(const char* name, std::int64_t least, std::int64_t most) const;
  // Members that are not in `known`, in order.
  std::vector<std::string> unknown(const std::vector<std::string>& known) const;

 private:
  Json body_;
};

inline constexpr std::int64_t kMostChoices = 128, kMostAlternatives = 20;

// The sampling keys of OpenAI and vLLM, absent ones at their defaults (max_tokens 16). BadRequest for a wrong type
// or a number out of its range.
SamplingParams sampling_of(const Fields& fields);
bool wants_usage(const Fields& fields);  // stream_options.include_usage

// Token ids of a JSON list. BadRequest naming `param` otherwise.
std::vector<std::int32_t> read_ids(const Json& list, const std::string& param);

// "created", "model" and "id" of a reply; fields of another type stay empty.
void read_head(const Json& reply, std::string& id, std::string& model, std::int64_t& created);

}  // namespace detail

}  // namespace una::openai
