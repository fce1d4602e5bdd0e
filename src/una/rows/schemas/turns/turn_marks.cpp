#include "una/rows/schemas/turns/turn_marks.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <string_view>
#include <utility>

#include "una/base/ascii.h"
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

// Behind what Python writes around a list of turns.
bool begins_like_repr(std::string_view text) {
  for (const std::string_view wrap : {"array(", "(", "["}) {
    if (starts_with(text, wrap)) { text = trim(text.substr(wrap.size())); }
  }
  return starts_with(text, "{'");
}

// InputError where a text that is not JSON begins like turns.
void check_no_turns(const RowView& row, const std::string& key, std::string_view text) {
  constexpr std::size_t kBegin = std::size_t{1} << 16U;
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

// InputError on {"messages": [...]} as the text of a prompt or of a whole row.
void check_no_row(const RowView& row, const std::string& key, const Json& parsed) {
  for (const char* list : {"messages", "conversations"}) {
    if (!parsed.is_object() || !parsed.contains(list) || !is_turns(parsed[list])) { continue; }
    bad_field(row, key,
              cat("holds a whole row as JSON text; --columns messages=", key, ".", list, " reads its turns"));
  }
}

// ---- turns that are not to be trained on ----

// Members by which a turn is in the loss; of the last three, true takes it out.
constexpr std::array kTrainMembers = {"weight",     "train",     "loss",      "loss_weight",
                                      "loss_scale", "loss_mask", "trainable", "training",
                                      "mask",       "masked",    "ignore"};
constexpr std::size_t kInverted = 8;  // where those begin

// axolotl's parts of a turn, under the name that its configuration gives them.
void check_whole(const Json& extra, const Where& where) {
  for (const auto& [name, detail] : extra.items()) {
    check_input(!detail.is_array() || !has_any(dump_json(detail), {"\"train\":false"}), where.text(),
                ": the answer's turn has a \"", name,
                "\" that leaves a part of it out, but una trains on whole answers; take "
                "the part out of the text, or the member away");
  }
}

// Whether a word of the name, as "train" of trainOn and do_train, tells of training, and whether true takes the turn out.
struct Telling {
  bool trains = false, inverted = false;
};

Telling telling(std::string_view name) {
  static constexpr std::string_view kTraining =
      " train trained training trainable loss learn learned mask masked supervise supervised ";
  static constexpr std::string_view kInverting =
      " no not non skip skipped ignore ignored exclude excluded mask masked without ";
  std::string words = " ";
  for (const char c : name) {
    const auto letter = static_cast<unsigned char>(c);
    if (std::isupper(letter) != 0 || std::isalpha(letter) == 0) { words += ' '; }
    if (std::isalpha(letter) != 0) { words += lower_ascii(c); }
  }
  Telling out;
  for (const std::string& word : split(words, ' ')) {
    const std::string spaced = cat(' ', word, ' ');
    if (word.empty()) { continue; }
    out.trains = out.trains || kTraining.find(spaced) != kTraining.npos;
    out.inverted = out.inverted || kInverting.find(spaced) != kInverting.npos;
  }
  return out;
}

// InputError on a member of the answer's turn, also inside an object, that seems to say under a name of its own that the
// turn is not to be trained on.
void check_names(const Json& extra, const std::string& path, const Where& where, int depth) {
  constexpr int kDeepest = 3;
  for (const auto& [name, value] : extra.items()) {
    if (name == "tool_calls" || name == "function_call") { continue; }
    const std::optional<bool> truth = truth_of(value);
    const Telling tells = telling(name);
    check_input(
        !(truth && tells.trains && *truth == tells.inverted), where.text(), ": the answer's turn has \"",
        path, name, "\": ", dump_json(value),
        ", which seems to say that it is not to be trained on; write it as \"train\": false, or take it away");
    if (value.is_object() && depth < kDeepest) { check_names(value, cat(path, name, "."), where, depth + 1); }
  }
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
  if (is_answer && !untrained) { check_names(extra, "", *where, 0); }
  if (changed) { message.extra = extra.empty() ? "" : extra.dump(); }
  return untrained;
}

// The same members of the row itself. (`weight` is its weight, and `loss` as a number what another program measured.)
bool is_untrained_row(const RowView& row, ReadRow& out) {
  bool untrained = false;
  for (std::size_t i = 0; i < kTrainMembers.size(); ++i) {
    const std::string name = kTrainMembers[i];
    const auto found = row.json.find(name);
    if (name == "weight" || found == row.json.end() || (name == "loss" && found->is_number())) { continue; }
    const bool is_share = name == "loss_weight" || name == "loss_scale";
    const std::optional<bool> truth = truth_of(*found);
    if (!truth && is_share && found->is_number()) {
      bad_field(row, name,
                cat("is a weight of the row in the loss; --columns weight=", name,
                    " reads it, --columns ignored=", name, " trains without it"));
    }
    if (name == "loss_mask" && found->is_array()) {
      bad_field(row, name,
                "marks tokens or parts that are not to be trained on, but una trains on whole answers");
    }
    if (!truth || *truth != (i >= kInverted)) { continue; }
    untrained = true;
    std::erase(out.unread, name);
  }
  return untrained;
}

}  // namespace

std::optional<bool> truth_of(const Json& value) {
  static const words::LabelValues truths({"good=1", "bad=0"});
  return truths.knows(value) ? truths.thumb(value) : std::nullopt;
}

void parse_turns(const RowView& row, const std::string& key, Json& value) {
  const std::string_view text = trim(value.get_ref<const std::string&>());
  const bool is_quoted = starts_with(text, "\"[") || starts_with(text, "\"{");
  if (begins_like_repr(text)) { return check_no_turns(row, key, text); }
  const bool is_list = starts_with(text, "[") && starts_with(trim(text.substr(1)), "{");
  constexpr std::size_t kBegin = 200;
  const bool names_speaker = has_any(text.substr(0, kBegin), {"role", "from", "messages"});
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
  } else if (key == "prompt" || key == "text") {
    check_no_row(row, key, parsed);
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
  if (!is_prompt) { untrained = is_untrained_row(row, out) || untrained; }
  if (untrained && !is_prompt && out.drop.empty()) { out.drop = kUntrained; }
}

}  // namespace una::rows
