#include "una/rows/schemas/fields.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <utility>

#include "una/base/ascii.h"
#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/json_line.h"
#include "una/base/json_text.h"

namespace una::rows {
namespace {

constexpr std::size_t kShownBytes = 60;

std::string shown(const Json& value) {
  std::string text = dump_json(value);
  if (text.size() <= kShownBytes) { return text; }
  std::size_t end = kShownBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) { --end; }
  return text.substr(0, end) + "...";
}

constexpr const char* kMediumNotRead = "cannot be read: una trains on text alone; leave such rows out";

// Content is a string, null next to tool calls, or a list of text parts ({type: "text", text | value}).
std::string content_value(const RowView& row, const Json& value, const std::string& field) {
  if (value.is_string()) { return value.get<std::string>(); }
  if (value.is_null()) { return ""; }
  if (!value.is_array()) { wrong_type(row, field, "a string or a list of text parts", value); }
  std::string content;
  for (const Json& part : value) {
    const char* key = part.is_object() ? first_of(part, {"text", "value"}) : nullptr;
    if (key == nullptr || !part[key].is_string() || (has(part, "type") && part["type"] != "text")) {
      wrong_type(row, field, "made of text parts {\"type\": \"text\", \"text\": ...}", part);
    }
    content += part[key].get<std::string>();
  }
  return content;
}

Message message_value(const RowView& row, const Json& value, const std::string& field) {
  if (!value.is_object()) { wrong_type(row, field, "a message {\"role\": ..., \"content\": ...}", value); }
  const bool sharegpt = !has(value, "role") && has(value, "from");
  const char* role_key = sharegpt ? "from" : "role";
  const char* content_key = sharegpt ? "value" : "content";
  if (!has_string(value, role_key)) { bad_field(row, cat(field, ".", role_key), "must be a string"); }
  Message message;
  message.role = role_of(value[role_key].get<std::string>());
  // An assistant that said nothing, as a log has it: an empty answer.
  const bool is_empty = message.role == "assistant" && value.contains(content_key);
  if (!has(value, content_key) && !is_empty &&
      first_of(value, {"tool_calls", "function_call", "reasoning_content"}) == nullptr) {
    bad_field(row, cat(field, ".", content_key), value.contains(content_key) ? "is null" : "is missing");
  }
  if (has(value, content_key)) {
    message.content = content_value(row, value[content_key], cat(field, ".", content_key));
  }
  Json extra = Json::object();
  for (const auto& [key, member] : value.items()) {
    if (is_medium(key, member)) { bad_field(row, cat(field, ".", key), kMediumNotRead); }
    if (key != role_key && key != content_key && !member.is_null()) { extra[key] = member; }
  }
  if (!extra.empty()) { message.extra = extra.dump(); }
  return message;
}

bool same_message(const Message& a, const Message& b) {
  return a.role == b.role && a.content == b.content && a.extra == b.extra;
}

bool extract_turns(Text& chosen, Text& rejected, Text& prompt) {
  std::vector<Message>& a = chosen.messages;
  std::vector<Message>& b = rejected.messages;
  const auto [end_a, end_b] = std::mismatch(a.begin(), a.end(), b.begin(), b.end(), same_message);
  if (end_a == a.begin()) { return false; }
  prompt = chat_text({a.begin(), end_a});
  a.erase(a.begin(), end_a);
  b.erase(b.begin(), end_b);
  return true;
}

}  // namespace

bool is_medium(std::string_view name, const Json& value) {
  static constexpr auto kMedia =
      std::to_array<std::string_view>({"image", "images", "audio", "audios", "video", "videos"});
  const bool is_empty = value.is_null() || value == "" || (value.is_structured() && value.empty());
  return !is_empty && std::find(kMedia.begin(), kMedia.end(), name) != kMedia.end();
}

std::string role_of(const std::string& speaker) {
  const std::string low = lower_ascii(std::string(trim(speaker)));
  constexpr std::pair<const char*, const char*> kRoles[] = {{"human", "user"},
                                                            {"gpt", "assistant"},
                                                            {"chatgpt", "assistant"},
                                                            {"function_call", "assistant"},
                                                            {"bot", "assistant"},
                                                            {"model", "assistant"},
                                                            {"ai", "assistant"},
                                                            {"observation", "tool"},
                                                            {"ai assistant", "assistant"},
                                                            {"chatbot", "assistant"},
                                                            {"prompter", "user"},
                                                            {"user", "user"},
                                                            {"system", "system"},
                                                            {"assistant", "assistant"},
                                                            {"tool", "tool"}};
  for (const auto& [name, role] : kRoles) {
    if (low == name) { return role; }
  }
  return speaker;
}

bool has(const Json& row, const char* key) {
  const auto found = row.find(key);
  return found != row.end() && !found->is_null();
}

bool has_all(const Json& row, std::initializer_list<const char*> keys) {
  return std::all_of(keys.begin(), keys.end(), [&](const char* key) { return has(row, key); });
}

bool has_string(const Json& row, const char* key) {
  const auto found = row.find(key);
  return found != row.end() && found->is_string();
}

bool has_list(const Json& row, const char* key) {
  const auto found = row.find(key);
  return found != row.end() && found->is_array();
}

const char* first_of(const Json& row, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    if (has(row, key)) { return key; }
  }
  return nullptr;
}

void bad_field(const RowView& row, const std::string& field, const std::string& problem) {
  throw InputError(cat(row.where.text(), ": field \"", field, "\" ", problem));
}

void wrong_type(const RowView& row, const std::string& field, const std::string& wanted, const Json& found) {
  bad_field(row, field, cat("must be ", wanted, ", found ", shown(found)));
}

const Json& need(const RowView& row, const char* key) {
  const auto found = row.json.find(key);
  if (found == row.json.end()) { bad_field(row, key, "is missing"); }
  if (row.reads != nullptr) { row.reads->push_back(&*found); }
  return *found;
}

std::string string_field(const RowView& row, const char* key) {
  const Json& value = need(row, key);
  if (!value.is_string()) { wrong_type(row, key, "a string", value); }
  return value.get<std::string>();
}

bool bool_field(const RowView& row, const char* key) {
  const Json& value = need(row, key);
  if (!value.is_boolean()) { wrong_type(row, key, "true or false (a JSON bool)", value); }
  return value.get<bool>();
}

std::optional<bool> thumb_value(const RowView& row, const Json& value, const std::string& field) {
  if (value.is_null()) { return std::nullopt; }
  const bool given = row.labels != nullptr && !row.labels->empty();
  if (value.is_boolean() && !given) { return value.get<bool>(); }
  if (given && row.labels->knows(value)) { return row.labels->thumb(value); }
  if (given) { wrong_type(row, field, "one of the values of --label_values", value); }
  bad_field(row, field,
            cat("must be true or false (a JSON bool), found ", shown(value), words::kLabelValuesAdvice));
}

double number_field(const RowView& row, const char* key) {
  const Json& value = need(row, key);
  if (!value.is_number()) { wrong_type(row, key, "a number", value); }
  return value.get<double>();
}

std::optional<double> score_value(const RowView& row, const Json& value, const std::string& field) {
  if (value.is_null()) { return std::nullopt; }
  if (!value.is_number()) { wrong_type(row, field, "a number (or null when it is missing)", value); }
  return value.get<double>();
}

std::vector<Message> messages_value(const RowView& row, const Json& value, const std::string& field) {
  std::vector<Message> messages;
  if (value.is_object()) {
    messages.push_back(message_value(row, value, field));
    return messages;
  }
  if (!value.is_array()) { wrong_type(row, field, "a list of messages", value); }
  for (std::size_t i = 0; i < value.size(); ++i) {
    messages.push_back(message_value(row, value[i], cat(field, "[", i, "]")));
  }
  return messages;
}

namespace {

// InputError for the cells of a table by columns, ["a", "b"], or by columns and numbers of rows, as pandas writes it.
void check_no_column(const RowView& row, const Json& value, const std::string& field) {
  const bool is_list = value.is_array() && !value.empty() && value[0].is_string();
  if (is_list || (value.is_object() && (value.contains("0") || value.contains("1")))) {
    bad_field(row, field,
              "holds a whole column instead of one row's text; save the table by rows, in pandas with "
              "to_json(orient=\"records\", lines=True)");
  }
}

}  // namespace

Text text_value(const RowView& row, const Json& value, const std::string& field) {
  if (value.is_string()) { return plain_text(value.get<std::string>()); }
  check_no_column(row, value, field);
  if (!value.is_array() && !value.is_object()) {
    wrong_type(row, field, "a string or a list of messages", value);
  }
  return chat_text(messages_value(row, value, field));
}

Text text_field(const RowView& row, const char* key) { return text_value(row, need(row, key), key); }

std::optional<Json> structure_in(const Json& value) {
  if (!value.is_string()) { return std::nullopt; }
  const std::string_view text = trim(value.get_ref<const std::string&>());
  if ((!starts_with(text, "{") && !starts_with(text, "[")) || outline_json(text).too_deep) {
    return std::nullopt;
  }
  Json parsed = Json::parse(text.begin(), text.end(), nullptr, false);
  return parsed.is_discarded() ? std::nullopt : std::optional(std::move(parsed));
}

Text plain_text(std::string text) {
  Text out;
  out.plain = std::move(text);
  return out;
}

Text chat_text(std::vector<Message> messages) {
  Text out;
  out.is_chat = true;
  out.messages = std::move(messages);
  return out;
}

Response response_of(Text text) {
  Response out;
  out.text = std::move(text);
  return out;
}

std::vector<Message> split_answer(std::vector<Message>& conversation, std::vector<Message>& behind) {
  std::size_t end = conversation.size();
  while (end > 0 && conversation[end - 1].role != "assistant") { --end; }
  if (end == 0) { return {}; }
  std::vector<Message> answer{std::move(conversation[end - 1])};
  const auto next = std::make_move_iterator(conversation.begin() + static_cast<std::ptrdiff_t>(end));
  behind.assign(next, std::make_move_iterator(conversation.end()));
  conversation.resize(end - 1);
  return answer;
}

std::size_t common_prefix(std::string_view a, std::string_view b) {
  const std::size_t limit = std::min(a.size(), b.size());
  std::size_t length = 0;
  while (length < limit && a[length] == b[length]) { ++length; }
  const auto inside = [](std::string_view text, std::size_t at) {
    return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U;
  };
  while (length > 0 && (inside(a, length) || inside(b, length))) { --length; }
  return length;
}

bool extract_prompt(Text& chosen, Text& rejected, Text& prompt) {
  if (chosen.is_chat != rejected.is_chat) { return false; }
  if (chosen.is_chat) { return extract_turns(chosen, rejected, prompt); }
  std::size_t length = common_prefix(chosen.plain, rejected.plain);
  if (length > 0 && chosen.plain[length - 1] == ' ') {
    --length;  // as TRL's extract_prompt
  }
  if (length == 0) { return false; }
  prompt = plain_text(chosen.plain.substr(0, length));
  chosen.plain.erase(0, length);
  rejected.plain.erase(0, length);
  return true;
}

}  // namespace una::rows
