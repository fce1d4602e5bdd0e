#include "una/weights/config_reader.h"

#include <cmath>

#include "una/base/error.h"
#include "una/base/format.h"

namespace una::weights::detail {
namespace {

constexpr std::int64_t kMaxSize = INT32_MAX;

}  // namespace

void ConfigReader::fail(const std::string& reason) const { throw InputError(cat(what_, ": ", reason)); }

bool ConfigReader::is_set(const char* key) const {
  const auto found = config_.find(key);
  return found != config_.end() && !found->is_null();
}

bool ConfigReader::is_null(const char* key) const {
  const auto found = config_.find(key);
  return found != config_.end() && found->is_null();
}

std::int64_t ConfigReader::size(const char* key) const {
  if (!is_set(key)) { fail(cat("\"", key, "\" is missing")); }
  return size(key, 1);
}

std::int64_t ConfigReader::size(const char* key, std::int64_t fallback) const {
  const std::int64_t value = integer_member(config_, key, fallback, what_);
  if (value < 1 || value > kMaxSize) { fail(cat("\"", key, "\" must be between 1 and ", kMaxSize)); }
  return value;
}

double ConfigReader::positive(const char* key, double fallback) const {
  const double value = number_member(config_, key, fallback, what_);
  if (!std::isfinite(value) || value <= 0) { fail(cat("\"", key, "\" must be a number above 0")); }
  return value;
}

double ConfigReader::number(const char* key) const {
  const double value = number_member(config_, key, 0, what_);
  if (!is_set(key) || !std::isfinite(value)) { fail(cat("\"", key, "\" must be a finite number")); }
  return value;
}

std::vector<double> ConfigReader::positives(const char* key) const {
  std::vector<double> out;
  if (!is_set(key)) { return out; }
  const Json& list = config_[key];
  if (!list.is_array()) { fail(cat("\"", key, "\" must be a list of numbers")); }
  for (const Json& item : list) {
    const double value = item.is_number() ? item.get<double>() : 0;
    if (!std::isfinite(value) || value <= 0) { fail(cat("\"", key, "\" must be a list of numbers above 0")); }
    out.push_back(value);
  }
  return out;
}

bool ConfigReader::flag(const char* key, bool fallback) const {
  return bool_member(config_, key, fallback, what_);
}

std::string ConfigReader::text(const char* key, const std::string& fallback) const {
  return string_member(config_, key, fallback, what_);
}

std::vector<std::string> ConfigReader::texts(const char* key) const {
  std::vector<std::string> out;
  if (!is_set(key)) { return out; }
  const Json& list = config_[key];
  if (!list.is_array()) { fail(cat("\"", key, "\" must be a list of strings")); }
  for (const Json& item : list) {
    if (!item.is_string()) { fail(cat("\"", key, "\" must be a list of strings")); }
    out.push_back(item.get<std::string>());
  }
  return out;
}

ConfigReader ConfigReader::object(const char* key) const {
  const auto found = config_.find(key);
  if (found == config_.end() || !found->is_object()) { fail(cat("\"", key, "\" must be a JSON object")); }
  return {*found, what_};
}

std::int64_t ConfigReader::token_id(const char* key, const Json& value) const {
  if (!value.is_number_integer()) { fail(cat("\"", key, "\" must be a token id, found ", value.dump())); }
  const bool too_large = value.is_number_unsigned() && value.get<std::uint64_t>() > kMaxSize;
  const auto id = value.get<std::int64_t>();
  if (too_large) { fail(cat("\"", key, "\": ", value.dump(), " is not a token id")); }
  return id < 0 ? -1 : id;
}

std::int32_t ConfigReader::token(const char* key, std::int32_t absent) const {
  if (is_set(key)) { return static_cast<std::int32_t>(token_id(key, config_[key])); }
  return is_null(key) ? -1 : absent;
}

std::vector<std::int32_t> ConfigReader::tokens(const char* key,
                                               const std::vector<std::int32_t>& absent) const {
  if (!is_set(key)) { return is_null(key) ? std::vector<std::int32_t>() : absent; }
  const Json& value = config_[key];
  std::vector<std::int32_t> out;
  for (const Json& item : value.is_array() ? value : Json::array({value})) {
    const std::int64_t id = token_id(key, item);
    if (id >= 0) { out.push_back(static_cast<std::int32_t>(id)); }
  }
  return out;
}

}  // namespace una::weights::detail
