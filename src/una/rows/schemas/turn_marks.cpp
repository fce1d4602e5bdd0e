#include "una/rows/schemas/turn_marks.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/json_line.h"
#include "una/base/json_text.h"
#include "una/rows/schemas/fields.h"
#include "una/words/columns.h"

namespace una::rows {
namespace {

constexpr const char* kUntrained = "answer marked as not to be trained on";

// ---- turns as text ----

bool is_turn(const Json& turn) {
  return turn.is_object() && (turn.contains("role") || turn.contains("from"));
}

bool is_turns(const Json& value) {
  return value.is_array() && !value.empty() && std::all_of(value.begin(), value.end(), is_turn);
}

// One turn alone. An object with more in it may be a text about JSON.
bool is_only_a_turn(const Json& value) {
  return is_turn(value) && value.size() == 2 && (value.contains("content") || value.contains("value"));
}

bool has_any(std::string_view text, std::initializer_list<std::string_view> parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [&](std::string_view part) { return text.find(part) != text.npos; });
}

// InputError where a text that is not JSON begins like turns.
void check_no_turns(const RowView& row, const std::string& key, std::string_view text) {
  constexpr std::size_t kBegin = 200;
  const std::string_view begin = text.substr(0, kBegin);
  if (has_any(begin, {"'role':", "'from':", "'role' :", "'from' :"})) {
    bad_field(
        row, key,
        "holds a list of turns as Python's repr, which is not JSON; save the table with to_json or to_parquet, "
        "or each list with json.dumps");
  }
  if (has_any(begin, {"\"role\":", "\"from\":", "\"role\" :", "\"from\" :"})) {
    bad_field(
        row, key,
        cat("holds a list of turns as JSON that is broken or cut off (it has ", thousands(std::ssize(text)),
            " bytes; a cell of Excel holds 32,767 characters); save the table again from its source"));
  }
}

// ---- turns that are not to be trained on ----

// Members by which a turn is in the loss; of the last three, true takes it out.
constexpr std::array kTrainMembers = {"weight",     "train",     "loss",      "loss_weight",
                                      "loss_scale", "loss_mask", "trainable", "training",
                                      "mask",       "masked",    "ignore"};
constexpr std::size_t kInverted = 8;  // where those begin

// True or 1, false or 0, also as text; nullopt: anything else.
std::optional<bool> truth_of(const Json& value) {
  static const words::LabelValues truths({"good=1", "bad=0"});
  return truths.knows(value) ? truths.thumb(value) : std::nullopt;
}

void check_whole(const Json& extra, const Where& where) {
  const auto detail = extra.find("train_detail");
  check_input(
      detail == extra.end() || !has_any(dump_json(*detail), {"\"train\":false"}), where.text(),
      ": the answer's turn has a \"train_detail\" that leaves a part of it out, but una trains on whole answers; take "
      "the part out of the text, or the member away");
}

bool is_untrained(const Json& extra, const Where* answer_of) {
  bool untrained = false;
  for (std::size_t i = 0; i < kTrainMembers.size(); ++i) {
    const auto found = extra.find(kTrainMembers[i]);
    if (found == extra.end()) { continue; }
    const std::optional<bool> truth = truth_of(*found);
    check_input(
        truth || answer_of == nullptr, answer_of == nullptr ? "" : answer_of->text(),
        ": the answer's turn has \"", kTrainMembers[i], "\": ", dump_json(*found),
        ", but una trains on a turn (true or 1) or not (false or 0); write a share as \"weight\" next to the turns");
    untrained = untrained || (truth && *truth == (i >= kInverted));
  }
  return untrained;
}

// ---- marks of a turn ----

// The member is feedback by its name; one that is a property of texts, as "toxic", only where it blames.
bool is_mark(const std::string& key, const Json& value) {
  if (words::sounds_like_feedback(key)) { return true; }
  const std::optional<bool> truth = truth_of(value);
  return truth && words::sounds_like_feedback(key, /*is_flag=*/true) && *truth == words::means_bad(key);
}

void check_own_marks(const Json& extra, const std::string& path, const Where& where, int depth) {
  constexpr int kDeepest = 3;
  for (const auto& [key, value] : extra.items()) {
    if (value.is_null() || key == "function_call" || key == "tool_calls") { continue; }
    check_input(
        !is_mark(key, value), where.text(), ": the assistant's turn has a field \"", path, key,
        "\", which looks like feedback and would not be read; write it next to the turns as \"label\" or "
        "\"score\", or take it away");
    if (value.is_object() && depth < kDeepest) {
      check_own_marks(value, cat(path, key, "."), where, depth + 1);
    }
  }
}

// Whether the turn is marked as not to be trained on; its members that tell are removed. `where`: nullptr where marks of
// answers do not matter.
bool take_train_members(Message& message, bool is_answer, const Where* where) {
  if (message.extra.empty()) { return false; }
  Json extra = Json::parse(message.extra);
  if (is_answer) { check_whole(extra, *where); }
  const bool untrained = is_untrained(extra, is_answer ? where : nullptr);
  bool changed = false;
  for (const char* name : kTrainMembers) { changed = extra.erase(name) > 0 || changed; }
  if (where != nullptr && message.role == "assistant") { check_own_marks(extra, "", *where, 0); }
  if (changed) { message.extra = extra.empty() ? "" : extra.dump(); }
  return untrained;
}

}  // namespace

void parse_turns(const RowView& row, const std::string& key, Json& value) {
  const std::string_view text = trim(value.get_ref<const std::string&>());
  const bool is_quoted = starts_with(text, "\"[") || starts_with(text, "\"{");
  const bool is_list = starts_with(text, "[") && starts_with(trim(text.substr(1)), "{");
  constexpr std::size_t kBegin = 200;
  const bool names_speaker = has_any(text.substr(0, kBegin), {"role", "from"});
  if (!is_list && !(names_speaker && (is_quoted || starts_with(text, "{")))) { return; }
  if (outline_json(text).too_deep) { return check_no_turns(row, key, text); }
  Json parsed = Json::parse(text.begin(), text.end(), nullptr, false);
  if (parsed.is_discarded()) {
    check_no_turns(row, key, text);
  } else if (parsed.is_string()) {
    parse_turns(row, key, parsed);
    if (!parsed.is_string()) { value = std::move(parsed); }
  } else if (is_turns(parsed)) {
    value = std::move(parsed);
  } else if (is_only_a_turn(parsed)) {
    value = Json::array({std::move(parsed)});
  }
}

void leave_untrained_out(const RowView& row, ReadRow& out) {
  const bool is_prompt = out.example.unit == Unit::kPrompt;
  const Where* where = is_prompt ? nullptr : &out.example.where;
  bool untrained = false;
  for (Message& message : out.example.prompt.messages) { take_train_members(message, false, where); }
  for (Response& response : out.example.responses) {
    for (Message& message : response.text.messages) {
      untrained = take_train_members(message, true, where) || untrained;
    }
  }
  for (const char* name : {"train", "trainable", "loss"}) {
    if (!has(row.json, name) || row.json[name] != false) { continue; }
    untrained = true;
    std::erase(out.unread, name);
  }
  if (untrained && !is_prompt && out.drop.empty()) { out.drop = kUntrained; }
}

}  // namespace una::rows
