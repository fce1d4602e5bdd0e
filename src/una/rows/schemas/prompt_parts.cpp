#include "una/rows/schemas/prompt_parts.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/rows/schemas/fields.h"
#include "una/rows/schemas/marks.h"
#include "una/words/columns.h"

namespace una::rows {
namespace {

// Columns that hold a part of what the answer is to.
constexpr auto kParts = std::to_array<std::string_view>(
    {"prompt", "system", "context", "history", "instruction", "input", "article", "document", "passage",
     "conversation", "dialogue", "dialog", "trajectory"});

// All texts of a value, one behind the other.
std::string texts_in(const Json& value, int depth = 0) {
  constexpr int kDeepest = 6;
  if (value.is_string()) { return std::string(trim(value.get_ref<const std::string&>())) + "\n"; }
  std::string out;
  if (depth == kDeepest || !value.is_structured()) { return out; }
  for (const auto& [key, member] : value.items()) {
    if (key != "role" && key != "from") { out += texts_in(member, depth + 1); }
  }
  return out;
}

std::string text_of(const Text& text) {
  std::string out = text.plain;
  for (const Message& message : text.messages) { out += message.content + "\n"; }
  return out;
}

bool is_turn(const Json& value) {
  return value.is_object() && (value.contains("role") || value.contains("from")) &&
         (value.contains("content") || value.contains("value"));
}

bool is_turns(const Json& value) {
  return value.is_array() && !value.empty() && std::all_of(value.begin(), value.end(), is_turn);
}

// Whether each text of the part is in the prompt.
bool is_in(const Json& part, const std::string& prompt) {
  const std::vector<std::string> texts = split(texts_in(part), '\n');
  return std::all_of(texts.begin(), texts.end(), [&](const std::string& text) {
    return trim(text).empty() || prompt.find(trim(text)) != prompt.npos;
  });
}

// Whether the beginning that both answers share has the text.
bool both_begin_with(const Json& row, const std::string& text) {
  if (!row["chosen"].is_string() || !row["rejected"].is_string()) { return false; }
  const auto& chosen = row["chosen"].get_ref<const std::string&>();
  const std::size_t shared = common_prefix(chosen, row["rejected"].get_ref<const std::string&>());
  return std::string_view(chosen).substr(0, shared).find(text) != std::string_view::npos;
}

// Shapes whose prompt is found in the answers' texts have no place for a system turn.
bool has_place(const ReadRow& out) {
  const std::string_view shape = out.shape;
  return shape != "text" && shape != "HH transcript pair" &&
         (shape != "TRL pair (implicit prompt)" || out.example.prompt.is_chat);
}

}  // namespace

std::vector<std::string> take_prompt_of_pair(Json& row) {
  Json changed = row;
  std::vector<std::string> taken = take_other_names(changed);
  std::erase_if(taken, [](const std::string& name) { return !ends_with(name, " as prompt"); });
  if (taken.empty()) { return {}; }
  const Json& prompt = changed["prompt"];
  if (prompt.is_string()) {
    const std::string text(trim(prompt.get_ref<const std::string&>()));
    if (text.empty() || both_begin_with(row, text)) { return {}; }
  }
  const std::string theirs = taken[0].substr(0, taken[0].find(' '));
  row["prompt"] = prompt;
  row.erase(theirs);
  return taken;
}

void add_system(const RowView& row, ReadRow& out) {
  if (!has_string(row.json, "system") || !has_place(out)) { return; }
  const Json& value = row.json["system"];
  const bool was_read = std::find(row.reads->begin(), row.reads->end(), &value) != row.reads->end();
  const std::string system = value.get<std::string>();
  if (was_read || trim(system).empty()) { return; }
  need(row, "system");
  Text& prompt = out.example.prompt;
  if (!prompt.is_chat) {
    prompt = chat_text({{"system", system, ""}, {"user", std::move(prompt.plain), ""}});
    return;
  }
  const bool has_own = !prompt.messages.empty() && prompt.messages[0].role == "system";
  if (!has_own) {
    prompt.messages.insert(prompt.messages.begin(), {"system", system, ""});
  } else if (trim(prompt.messages[0].content) != trim(system)) {
    bad_field(
        row, "system",
        "is another system text than the one in the turns; --columns ignored=system keeps that of the turns");
  }
}

void check_prompt_parts(const RowView& row, const ReadRow& out) {
  if (!out.drop.empty()) { return; }
  for (const std::string& key : out.unread) {
    if (!is_medium(key, row.json[key])) { continue; }
    bad_field(row, key,
              cat("is a part of the prompt that cannot be read: una trains on text alone; --columns ignored=",
                  key, " trains without it"));
  }
  if (out.example.unit == Unit::kPrompt) { return; }
  const std::string_view shape = out.shape;
  const bool own_prompt = shape != "text" && shape != "TRL pair (implicit prompt)";
  const std::string prompt = text_of(out.example.prompt);
  for (const std::string& key : out.unread) {
    const Json& value = row.json[key];
    const bool named = std::find(kParts.begin(), kParts.end(), key) != kParts.end();
    if (!(named && (value.is_string() || value.is_array())) && !(is_turns(value) && !own_prompt)) {
      continue;
    }
    if (is_in(value, prompt)) { continue; }
    const bool is_input = shape == "Alpaca" && !has(row.json, "input");
    const std::string advice = is_input     ? cat("--columns input=", key, " reads it as the input")
                               : own_prompt ? "write it into the prompt"
                                            : cat("--columns prompt=", key, " reads it as the prompt");
    bad_field(row, key,
              cat("looks like a part of the prompt and would not be read; ", advice,
                  ", --columns ignored=", key, " trains without it"));
  }
}

}  // namespace una::rows
