#include "una/openai/wire.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "una/base/format.h"
#include "una/base/json_text.h"

namespace una::openai {

const Json* member(const Json& json, const char* name) {
  if (!json.is_object()) { return nullptr; }
  const auto found = json.find(name);
  return found == json.end() || found->is_null() ? nullptr : &*found;
}

Json usage_json(const Usage& usage) {
  return {{"prompt_tokens", usage.prompt_tokens},
          {"completion_tokens", usage.completion_tokens},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens}};
}

Usage read_usage(const Json& reply) {
  const Json* usage = member(reply, "usage");
  const auto count = [&](const char* name) -> std::int64_t {
    const Json* value = usage == nullptr ? nullptr : member(*usage, name);
    return value != nullptr && value->is_number_integer()
               ? std::max<std::int64_t>(0, value->get<std::int64_t>())
               : 0;
  };
  return {.prompt_tokens = count("prompt_tokens"), .completion_tokens = count("completion_tokens")};
}

Json error_json(int status, const std::string& message, const std::string& param) {
  const char* type = status >= 500 ? "server_error" : "invalid_request_error";
  Json error{{"message", message}, {"type", type}, {"param", nullptr}, {"code", status}};
  if (!param.empty()) { error["param"] = param; }
  return {{"error", error}};
}

namespace {

std::int64_t characters(const std::string& text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

double shown(double logprob) { return std::max(logprob, kLeastLogprob); }

// A dictionary by text: the first of equal texts stays, which is the likeliest.
Json top_json(const TokenEntry& token) {
  Json top = Json::object();
  for (const TokenEntry& each : token.top) {
    if (!top.contains(each.text)) { top[each.text] = shown(each.logprob.value_or(kLeastLogprob)); }
  }
  if (!top.contains(token.text)) { top[token.text] = shown(*token.logprob); }
  return top;
}

Json bytes_json(const std::string& text) {
  if (text.find("\xEF\xBF\xBD") != std::string::npos) { return nullptr; }
  Json bytes = Json::array();
  for (const char c : text) { bytes.push_back(static_cast<unsigned char>(c)); }
  return bytes;
}

Json chat_token(const TokenEntry& token) {
  return {{"token", token.text},
          {"logprob", shown(token.logprob.value_or(kLeastLogprob))},
          {"bytes", bytes_json(token.text)}};
}

}  // namespace

Json completion_logprobs(const std::vector<TokenEntry>& tokens, bool with_top, std::int64_t offset) {
  Json texts = Json::array(), values = Json::array(), tops = Json::array(), offsets = Json::array();
  for (const TokenEntry& token : tokens) {
    texts.push_back(token.text);
    values.push_back(token.logprob ? Json(shown(*token.logprob)) : Json(nullptr));
    tops.push_back(token.logprob ? top_json(token) : Json(nullptr));
    offsets.push_back(offset);
    offset += characters(token.text);
  }
  return {{"tokens", texts},
          {"token_logprobs", values},
          {"top_logprobs", with_top ? tops : Json(nullptr)},
          {"text_offset", offsets}};
}

Json chat_logprobs(const std::vector<TokenEntry>& tokens) {
  Json content = Json::array();
  for (const TokenEntry& token : tokens) {
    Json one = chat_token(token);
    one["top_logprobs"] = Json::array();
    for (const TokenEntry& each : token.top) { one["top_logprobs"].push_back(chat_token(each)); }
    content.push_back(std::move(one));
  }
  return {{"content", content}};
}

Json prompt_logprobs(const std::vector<TokenEntry>& tokens) {
  Json out = Json::array();
  for (const TokenEntry& token : tokens) {
    if (!token.logprob) {
      out.push_back(nullptr);
      continue;
    }
    Json one = Json::object();
    const auto add = [&](const TokenEntry& each) {
      one[std::to_string(each.id)] = {{"logprob", shown(each.logprob.value_or(kLeastLogprob))},
                                      {"rank", each.rank},
                                      {"decoded_token", each.text}};
    };
    add(token);
    for (const TokenEntry& each : token.top) { add(each); }
    out.push_back(std::move(one));
  }
  return out;
}

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string event(const Json& json) { return cat("data: ", dump(json), "\n\n"); }

namespace detail {
namespace {

[[noreturn]] void wrong_type(const std::string& name, const char* wanted) {
  throw BadRequest(name, cat("'", name, "' must be ", wanted));
}

void check_range(const char* name, double value, double least, double most) {
  if (value >= least && value <= most) { return; }
  throw BadRequest(name, cat("'", name, "' is ", value, ", but must be between ", least, " and ", most));
}

constexpr std::int64_t kMaxTokens = 16;  // OpenAI's default

// OpenAI takes negative seeds, too: they become others that JSON can hold.
std::uint64_t seed_of(std::int64_t seed) {
  constexpr std::uint64_t kHalf = 1ULL << 52;
  return seed >= 0 ? static_cast<std::uint64_t>(seed) : static_cast<std::uint64_t>(-seed) % kHalf + kHalf;
}

constexpr std::size_t kMostStops = 64;

}  // namespace

Fields::Fields(const std::string& body) {
  const JsonOutline outline = outline_json(body);
  if (outline.too_deep) { throw BadRequest("", "the request's body is nested too deeply"); }
  body_ = Json::parse(body, nullptr, false);
  if (!body_.is_object()) { throw BadRequest("", "the request's body must be a JSON object"); }
  if (const auto twice = find_duplicate_key(body, body_, outline.members)) {
    throw BadRequest(twice->key, cat("'", twice->key, "' is given twice"));
  }
}

std::optional<std::int64_t> Fields::count(const char* name, std::int64_t least, std::int64_t most) const {
  const std::optional<std::int64_t> value = integer(name);
  if (value && (*value < least || *value > most)) {
    throw BadRequest(name, cat("'", name, "' must be between ", least, " and ", most, ", not ", *value));
  }
  return value;
}

std::vector<std::string> Fields::unknown(const std::vector<std::string>& known) const {
  std::vector<std::string> out;
  for (const auto& [key, value] : body_.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) { out.push_back(key); }
  }
  return out;
}

std::optional<std::string> Fields::text(const char* name) const {
  const Json* value = any(name);
  if (value == nullptr) { return std::nullopt; }
  if (!value->is_string()) { wrong_type(name, "a string"); }
  return value->get<std::string>();
}

std::optional<double> Fields::number(const char* name) const {
  const Json* value = any(name);
  if (value == nullptr) { return std::nullopt; }
  if (!value->is_number() || !std::isfinite(value->get<double>())) { wrong_type(name, "a finite number"); }
  return value->get<double>();
}

std::optional<std::int64_t> Fields::integer(const char* name) const {
  const std::optional<double> value = number(name);
  if (!value) { return std::nullopt; }
  constexpr double kExact = 9007199254740992;  // 2^53
  if (std::trunc(*value) != *value || std::abs(*value) > kExact) { wrong_type(name, "a whole number"); }
  return static_cast<std::int64_t>(*value);
}

std::optional<bool> Fields::flag(const char* name) const {
  const Json* value = any(name);
  if (value == nullptr) { return std::nullopt; }
  if (!value->is_boolean()) { wrong_type(name, "true or false"); }
  return value->get<bool>();
}

std::vector<std::string> Fields::texts(const char* name) const {
  const Json* value = any(name);
  if (value == nullptr) { return {}; }
  if (value->is_string()) { return {value->get<std::string>()}; }
  std::vector<std::string> out;
  if (!value->is_array()) { wrong_type(name, "a string or a list of strings"); }
  for (const Json& each : *value) {
    if (!each.is_string()) { wrong_type(name, "a string or a list of strings"); }
    out.push_back(each.get<std::string>());
  }
  return out;
}

std::vector<std::int32_t> Fields::ids(const char* name) const {
  const Json* value = any(name);
  return value == nullptr ? std::vector<std::int32_t>() : read_ids(*value, name);
}

void Fields::refuse_unless(const char* name, const Json& no_op) const {
  const Json* value = any(name);
  if (value == nullptr || *value == no_op) { return; }
  throw BadRequest(name, cat("'", name, "' is not supported; leave it out"));
}

SamplingParams sampling_of(const Fields& fields) {
  SamplingParams sampling;
  sampling.max_new_tokens = fields.integer("max_tokens").value_or(kMaxTokens);
  sampling.min_new_tokens = fields.integer("min_tokens").value_or(0);
  sampling.temperature = fields.number("temperature").value_or(1);
  sampling.top_p = fields.number("top_p").value_or(1);
  const std::int64_t top_k = fields.integer("top_k").value_or(-1);
  sampling.top_k = top_k < 0 ? 0 : top_k;  // vLLM's -1: off
  sampling.min_p = fields.number("min_p").value_or(0);
  sampling.repetition_penalty = fields.number("repetition_penalty").value_or(1);
  sampling.presence_penalty = fields.number("presence_penalty").value_or(0);
  sampling.frequency_penalty = fields.number("frequency_penalty").value_or(0);
  sampling.seed = seed_of(fields.integer("seed").value_or(0));
  sampling.stop = fields.texts("stop");
  sampling.stop_ids = fields.ids("stop_token_ids");
  if (sampling.max_new_tokens < 0) { throw BadRequest("max_tokens", "'max_tokens' must not be negative"); }
  if (sampling.min_new_tokens < 0) { throw BadRequest("min_tokens", "'min_tokens' must not be negative"); }
  check_range("temperature", sampling.temperature, 0, 100);
  check_range("top_p", sampling.top_p, 1e-9, 1);
  check_range("min_p", sampling.min_p, 0, 1);
  check_range("repetition_penalty", sampling.repetition_penalty, 1e-3, 1e3);
  check_range("presence_penalty", sampling.presence_penalty, -2, 2);
  check_range("frequency_penalty", sampling.frequency_penalty, -2, 2);
  if (sampling.stop.size() > kMostStops) {
    throw BadRequest("stop", cat("'stop' has more than ", kMostStops));
  }
  for (const std::string& stop : sampling.stop) {
    if (stop.empty()) { throw BadRequest("stop", "'stop' holds an empty string"); }
  }
  return sampling;
}

bool wants_usage(const Fields& fields) {
  const Json* options = fields.any("stream_options");
  const Json* usage = options == nullptr ? nullptr : member(*options, "include_usage");
  return usage != nullptr && *usage == true;
}

std::vector<std::int32_t> read_ids(const Json& list, const std::string& param) {
  std::vector<std::int32_t> ids;
  if (!list.is_array()) { wrong_type(param, "a list of token ids"); }
  for (const Json& id : list) {
    const bool good = id.is_number_integer() && id.get<double>() >= 0 &&
                      id.get<double>() <= std::numeric_limits<std::int32_t>::max();
    if (!good) { wrong_type(param, "a list of token ids"); }
    ids.push_back(id.get<std::int32_t>());
  }
  return ids;
}

void read_head(const Json& reply, std::string& id, std::string& model, std::int64_t& created) {
  const Json *own_id = member(reply, "id"), *own_model = member(reply, "model");
  const Json* own_created = member(reply, "created");
  if (own_id != nullptr && own_id->is_string()) { id = own_id->get<std::string>(); }
  if (own_model != nullptr && own_model->is_string()) { model = own_model->get<std::string>(); }
  if (own_created != nullptr && own_created->is_number_integer()) {
    created = own_created->get<std::int64_t>();
  }
}

}  // namespace detail

}  // namespace una::openai
