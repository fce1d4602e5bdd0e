#include "una/openai/wire.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "una/base/format.h"

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

namespace detail {
namespace {

[[noreturn]] void wrong_type(const std::string& name, const char* wanted) {
  throw BadRequest(name, cat("'", name, "' must be ", wanted));
}

}  // namespace

Fields::Fields(const std::string& body) : body_(Json::parse(body, nullptr, false)) {
  if (!body_.is_object()) { throw BadRequest("", "the request's body must be a JSON object"); }
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
