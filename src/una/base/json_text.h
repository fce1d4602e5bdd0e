#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "una/base/json.h"

namespace una {

// What one pass over the bytes of a JSON text tells before it is parsed.
struct JsonOutline {
  bool too_deep = false;     // copies and dumps of a Json recurse: so much nesting could overflow the stack
  std::int64_t members = 0;  // of all objects in it, counted at each occurrence; of a valid text only
  std::int64_t values = 0;   // at least as many as a valid text has, at most twice as many
  std::int64_t keys = 0;     // of the largest object
};
// More values in one text take gigabytes when they are parsed: up to 100 bytes each.
constexpr std::int64_t kMostJsonValues = 10'000'000;
// A Json looks through all keys of an object to find one: reading more takes minutes.
constexpr std::int64_t kMostJsonKeys = 20'000;
JsonOutline outline_json(std::string_view text);

// A key that occurs twice in one object. A parser would keep the last value and lose the other.
struct DuplicateKey {
  std::string key;
  std::int64_t element = 0;  // of the outermost list, from 0; 0 where the text is not a list
};

// `value` is what `text` was parsed to, `members` of its outline.
std::optional<DuplicateKey> find_duplicate_key(std::string_view text, const Json& value,
                                               std::int64_t members);

// The parser's sentence without its code: "key 'step' not found".
std::string json_reason(const Json::exception& error);

}  // namespace una
