#include "una/base/json.h"

#include <new>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json_text.h"
#include "una/base/utf8.h"

namespace una {
namespace {

// The member, or nullptr when it is absent or null.
const Json* find(const Json& object, const char* key) {
  if (!object.is_object()) { return nullptr; }
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) { return nullptr; }
  return &*found;
}

[[noreturn]] void wrong_type(const std::string& what, const char* key, const char* wanted,
                             const Json& value) {
  throw InputError(cat(what, ": \"", key, "\" must be ", wanted, ", found ", value.dump()));
}

}  // namespace

Json parse_json(std::string_view text, const std::string& what) {
  check_input(text.find('\0') == text.npos, what, ": a NUL byte; the file is damaged");
  check_input(find_invalid_utf8(text) == text.npos, what, ": not valid UTF-8; save the file in UTF-8");
  const JsonOutline outline = outline_json(text);
  check_input(!outline.too_deep, what, ": not valid JSON: nested too deeply");
  check_input(outline.values <= kMostJsonValues, what, ": more than ", kMostJsonValues, " values");
  try {
    return Json::parse(text.begin(), text.end());
  } catch (const nlohmann::json::exception& error) {
    throw InputError(cat(what, ": not valid JSON: ", json_reason(error)));
  } catch (const std::bad_alloc&) { throw InputError(cat(what, ": not enough memory to read so much JSON")); }
}

Json read_json_file(const std::string& path) { return parse_json(read_file(path), path); }

std::string string_member(const Json& object, const char* key, const std::string& fallback,
                          const std::string& what) {
  const Json* value = find(object, key);
  if (value == nullptr) { return fallback; }
  if (!value->is_string()) { wrong_type(what, key, "a string", *value); }
  return value->get<std::string>();
}

double number_member(const Json& object, const char* key, double fallback, const std::string& what) {
  const Json* value = find(object, key);
  if (value == nullptr) { return fallback; }
  if (!value->is_number()) { wrong_type(what, key, "a number", *value); }
  return value->get<double>();
}

std::int64_t integer_member(const Json& object, const char* key, std::int64_t fallback,
                            const std::string& what) {
  const Json* value = find(object, key);
  if (value == nullptr) { return fallback; }
  const bool too_large = value->is_number_unsigned() && value->get<std::uint64_t>() > INT64_MAX;
  if (!value->is_number_integer() || too_large) { wrong_type(what, key, "an integer", *value); }
  return value->get<std::int64_t>();
}

bool bool_member(const Json& object, const char* key, bool fallback, const std::string& what) {
  const Json* value = find(object, key);
  if (value == nullptr) { return fallback; }
  if (!value->is_boolean()) { wrong_type(what, key, "true or false", *value); }
  return value->get<bool>();
}

}  // namespace una
