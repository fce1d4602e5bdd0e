#pragma once

#include <string>
#include <vector>

#include "una/base/json.h"

// tokenizer.json as a tree with sorted keys. (una::Json keeps the file's order by searching through all keys,
// which takes minutes for a vocabulary.)
namespace una::gguf::detail {

using TokenizerJson = nlohmann::json;

TokenizerJson parse_tokenizer_json(const std::string& text, const std::string& what);  // InputError

const TokenizerJson& member(const TokenizerJson& object, const char* key);  // a null value when absent
std::string type_of(const TokenizerJson& part);                             // its "type", "" without one

// The steps of a normalizer, pre_tokenizer or decoder: those of its Sequence (listed under `list`), or the
// part itself; empty for null.
std::vector<TokenizerJson> parts_of(const TokenizerJson& part, const char* list);

}  // namespace una::gguf::detail
