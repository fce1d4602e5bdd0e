#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "una/base/error.h"
#include "una/base/json.h"

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

// The member `name` of an object; nullptr where it is absent or null, or `json` is not an object.
const Json* member(const Json& json, const char* name);

namespace detail {

// Reads the fields of a request's body one by one. BadRequest for a wrong type.
class Fields {
 public:
  explicit Fields(const std::string& body);  // BadRequest unless it is a JSON object
  std::optional<std::string> text(const char* name) const;
  std::optional<double> number(const char* name) const;  // finite
  std::optional<std::int64_t> integer(const char* name) const;
  std::optional<bool> flag(const char* name) const;
  std::vector<std::string> texts(const char* name) const;  // a string or a list of strings; absent: empty
  std::vector<std::int32_t> ids(const char* name) const;   // absent: empty
  const Json* any(const char* name) const { return member(body_, name); }
  // BadRequest where the field has another value than `no_op`, which we would not honour.
  void refuse_unless(const char* name, const Json& no_op) const;

 private:
  Json body_;
};

// Token ids of a JSON list. BadRequest naming `param` otherwise.
std::vector<std::int32_t> read_ids(const Json& list, const std::string& param);

// "created", "model" and "id" of a reply; fields of another type stay empty.
void read_head(const Json& reply, std::string& id, std::string& model, std::int64_t& created);

}  // namespace detail

}  // namespace una::openai
