// Answers tests/parity/text_parity.py: one JSON request a line on stdin, one JSON result a line on stdout.
//   {"op": "render", "template": text, "special": {...}, "messages": [...], "tools": [...] or null,
//    "documents": ..., "kwargs": {...}, "add_generation_prompt": b, "continue_final_message": b, "date":
//    text}
//     -> {"text": ..., "spans": [[begin, end], ...]} (bytes)
//   {"op": "tokenizer", "folder": path} -> what the tokenizer says of itself
//   {"op": "encode", "folder": path, "texts": [...], "special": b}
//     -> {"ids": [[...]], "offsets": [[[b, e], ...]], "batch_agrees": b, "decoded": [...], "skipped": [...]}
//   {"op": "train", "texts": [...], "vocab_size": n, "special": [...]} -> {"json": text}
// A refusal gives {"error": sentence}.
#include <iostream>
#include <map>
#include <string>

#include "una/base/json.h"
#include "una/text/chat_template.h"
#include "una/text/tokenizer.h"

namespace una::text {
namespace {

std::string text_or_empty(const Json& request, const char* key) {
  const auto found = request.find(key);
  return found == request.end() || found->is_null() ? "" : found->dump();
}

// A message whose content is no string, or whose members stand in another order, goes through `extra`.
Message to_message(const Json& json) {
  Message message;
  Json extra = Json::object();
  for (const auto& [key, value] : json.items()) {
    if (key == "role" && value.is_string()) {
      message.role = value.get<std::string>();
    } else if (key == "content" && value.is_string()) {
      message.content = value.get<std::string>();
    } else {
      extra[key] = value;
    }
  }
  for (const char* key : {"role", "content"}) {
    if (!json.contains(key)) extra[key] = nullptr;
  }
  if (!extra.empty()) message.extra = extra.dump();
  return message;
}

const ChatTemplate& cached_template(const Json& request) {
  static std::map<std::string, ChatTemplate> cache;
  const std::string source = request.at("template").get<std::string>();
  const std::string special = text_or_empty(request, "special");
  const std::string key = source + '\0' + special;
  const auto found = cache.find(key);
  if (found != cache.end()) return found->second;
  return cache.emplace(key, ChatTemplate(source, special, "template")).first->second;
}

Json render(const Json& request) {
  std::vector<Message> messages;
  for (const Json& message : request.at("messages")) messages.push_back(to_message(message));
  RenderOptions options;
  options.add_generation_prompt = request.value("add_generation_prompt", false);
  options.continue_final_message = request.value("continue_final_message", false);
  options.tools = text_or_empty(request, "tools");
  options.documents = text_or_empty(request, "documents");
  options.template_kwargs = text_or_empty(request, "kwargs");
  options.date = request.value("date", "");
  const Rendered rendered = cached_template(request).render(messages, options);
  return {{"text", rendered.text}, {"spans", rendered.generation}};
}

const Tokenizer& cached_tokenizer(const Json& request) {
  static std::map<std::string, Tokenizer> cache;
  const std::string folder = request.at("folder").get<std::string>();
  const auto found = cache.find(folder);
  if (found != cache.end()) return found->second;
  return cache.emplace(folder, load_tokenizer(folder)).first->second;
}

Json id_or_null(const std::optional<std::int32_t>& id) { return id ? Json(*id) : Json(nullptr); }

Json describe(const Json& request) {
  const Tokenizer& t = cached_tokenizer(request);
  return {{"size", t.size()},
          {"bos_id", id_or_null(t.bos_id())},
          {"eos_id", id_or_null(t.eos_id())},
          {"pad_id", id_or_null(t.pad_id())},
          {"adds_bos", t.adds_bos()},
          {"adds_eos", t.adds_eos()},
          {"special_tokens", Json::parse(t.special_tokens_json())}};
}

Json encode(const Json& request) {
  const Tokenizer& t = cached_tokenizer(request);
  const bool special = request.value("special", false);
  const auto texts = request.at("texts").get<std::vector<std::string>>();
  Json result = {{"ids", Json::array()},
                 {"offsets", Json::array()},
                 {"decoded", Json::array()},
                 {"skipped", Json::array()}};
  bool agrees = true;
  const auto batch = t.encode_batch(texts, special);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const Encoding encoding = t.encode_with_offsets(texts[i], special);
    agrees = agrees && batch[i] == encoding.ids && t.encode(texts[i], special) == encoding.ids;
    result["ids"].push_back(encoding.ids);
    result["offsets"].push_back(encoding.offsets);
    result["decoded"].push_back(t.decode(encoding.ids, false));
    result["skipped"].push_back(t.decode(encoding.ids, true));
  }
  result["batch_agrees"] = agrees;
  return result;
}

Json train(const Json& request) {
  return {{"json", train_bpe(request.at("texts").get<std::vector<std::string>>(),
                             request.at("vocab_size").get<std::int64_t>(),
                             request.at("special").get<std::vector<std::string>>())}};
}

Json answer(const std::string& line) {
  const Json request = Json::parse(line);
  const std::string op = request.at("op").get<std::string>();
  if (op == "render") return render(request);
  if (op == "tokenizer") return describe(request);
  if (op == "encode") return encode(request);
  if (op == "train") return train(request);
  return {{"error", "unknown op " + op}};
}

}  // namespace
}  // namespace una::text

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    una::Json result;
    try {
      result = una::text::answer(line);
    } catch (const std::exception& error) {
      result = {{"error", error.what()}};
    }
    // Decoding may cut a character in two; such bytes are shown as U+FFFD, as Python's side does.
    std::cout << result.dump(-1, ' ', false, una::Json::error_handler_t::replace) << std::endl;
  }
}
