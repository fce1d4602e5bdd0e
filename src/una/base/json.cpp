#include "una/base/json.h"

#include "una/base/error.h"
#include "una/base/files.h"
#include "una/base/format.h"

namespace una {
namespace {

// The member, or nullptr when it is absent or null.
const Json* find(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return nullptr;
  return &*found;
}

[[noreturn]] void wrong_type(const std::string& what, const char* key, const char* wanted,
                             const Json& value) {
  throw InputError(cat(what, ": \"", key, "\" must be ", wanted, ", found ", value.dump()));
}

// Copies and dumps of a Json recurse: a file of a million brackets must not overflow the stack.
bool is_too_deep(std::string_view text) {
  constexpr int kMaxDepth = 500;
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char letter = text[i];
    if (in_string) {
      if (letter == '\\') ++i;
      if (letter == '"') in_string = false;
    } else if (letter == '"') {
      in_string = true;
    } else if (letter == '[' || letter == '{') {
      if (++depth > kMaxDepth) return true;
    } else if (letter == ']' || letter == '}') {
      --depth;
    }
  }
  return false;
}

}  // namespace

Json parse_json(std::string_view text, const std::string& what) {
  if (is_too_deep(text)) throw InputError(cat(what, ": not valid JSON: nested too deeply"));
  try {
    return Json::parse(text.begin(), text.end());
  } catch (const nlohmann::json::exception& error) {
    std::string reason = error.what();
    const std::size_t at = reason.find("] ");
    if (at != std::string::npos) reason = reason.substr(at + 2);
    throw InputError(cat(what, ": not valid JSON: ", reason));
  }
}

Json read_json_file(const std::string& path) { return parse_json(read_file(path), path); }

std::string string_member(const Json& object, const char* key, const std::string& fallback,
                          const std::string& what) {
  const Json* value = find(object, key);
  if (value == nullptr) return fallback;
  if (!value->is_string()) wrong_type(what, key, "a string", *value);
  return value->get<std::string>();
}

double number_member(const Json& object, const char* key, double fallback, const std::string& what) {
  const Json* value = find(object, key);
  if (value == nullptr) return fallback;
  if (!value->is_number()) wrong_type(what, key, "a number", *value);
  return value->get<double>();
}

std::int64_t integer_member(const Json& object, const char* key, std::int64_t fallback,
                            const std::string& what) {
  const Json* value = find(object, key);
  if (value == nullptr) return fallback;
  if (!value->is_number_integer()) wrong_type(what, key, "an integer", *value);
  return value->get<std::int64_t>();
}

bool bool_member(const Json& object, const char* key, bool fallback, const std::string& what) {
  const Json* value = find(object, key);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) wrong_type(what, key, "true or false", *value);
  return value->get<bool>();
}

}  // namespace una
