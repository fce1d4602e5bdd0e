#include "una/gguf/gguf_tokenizer_json.h"

#include "una/base/error.h"

namespace una::gguf::detail {

TokenizerJson parse_tokenizer_json(const std::string& text, const std::string& what) {
  TokenizerJson json = TokenizerJson::parse(text, nullptr, false);
  check_input(json.is_object(), what + ": tokenizer.json does not hold a JSON object");
  return json;
}

const TokenizerJson& member(const TokenizerJson& object, const char* key) {
  static const TokenizerJson kNone;
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found == object.end() ? kNone : *found;
}

std::string type_of(const TokenizerJson& part) {
  const TokenizerJson& type = member(part, "type");
  return type.is_string() ? type.get<std::string>() : "";
}

std::vector<TokenizerJson> parts_of(const TokenizerJson& part, const char* list) {
  if (part.is_null()) { return {}; }
  if (type_of(part) != "Sequence") { return {part}; }
  const TokenizerJson& parts = member(part, list);
  return {parts.begin(), parts.end()};
}

}  // namespace una::gguf::detail
