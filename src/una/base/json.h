#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "una/base/indexed_map.h"

namespace una {

// Key order is kept, and keys are found by hash. JSON is parsed at the door and turned into C++ types there; it does not
// travel inward.
using Json = nlohmann::basic_json<IndexedMap>;

// `what` names the file (and line) in the InputError that a syntax error becomes. Duplicate keys: the last
// one holds.
Json parse_json(std::string_view text, const std::string& what);
Json read_json_file(const std::string& path);

// Members by type; an absent or null member gives `fallback`, one of another type an InputError naming `what`
// and key.
std::string string_member(const Json& object, const char* key, const std::string& fallback,
                          const std::string& what);
double number_member(const Json& object, const char* key, double fallback, const std::string& what);
std::int64_t integer_member(const Json& object, const char* key, std::int64_t fallback,
                            const std::string& what);
bool bool_member(const Json& object, const char* key, bool fallback, const std::string& what);

}  // namespace una
