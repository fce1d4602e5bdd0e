#include "una/rows/schemas/marks.h"

#include <algorithm>
#include <array>
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

bool is_turns(const Json& value) {
  const auto is_turn = [](const Json& turn) {
    return turn.is_object() && (turn.contains("role") || turn.contains("from"));
  };
  return value.is_array() && !value.empty() && std::all_of(value.begin(), value.end(), is_turn);
}

// A list of turns that a table stored as text.
void parse_turns(const RowView& row, const std::string& key, Json& value) {
  const std::string_view text = trim(value.get_ref<const std::string&>());
  if (!starts_with(text, "[") || !starts_with(trim(text.substr(1)), "{")) { return; }
  if (!outline_json(text).too_deep) {
    Json parsed = Json::parse(text.begin(), text.end(), nullptr, false);
    const bool is_json = !parsed.is_discarded();
    if (is_turns(parsed)) { value = std::move(parsed); }
    if (is_json) { return; }
  }
  for (const char* mark : {"'role':", "'from':", "'role' :", "'from' :"}) {
    if (text.find(mark) == text.npos) { continue; }
    bad_field(
        row, key,
        "holds a list of turns as Python's repr, which is not JSON; save the table with to_json or to_parquet, "
        "or each list with json.dumps");
  }
}

[[noreturn]] void unread_feedback(const RowView& row, const std::string& key, const Json& value,
                                  const std::string& advice) {
  std::string found = dump_json(value);
  constexpr std::size_t kShown = 60;
  if (found.size() > kShown) { found = cat("a value of ", thousands(std::ssize(found)), " characters"); }
  bad_field(row, key,
            cat("looks like feedback and would not be read (found ", found, "); ", advice,
                "--columns ignored=", key, " trains without it"));
}

// The ways to have it read as the mark of a single answer.
std::string mark_advice(const std::string& key) {
  if (words::means_bad(key)) {
    return cat("--columns label=", key, " --label_values good=false|0,bad=true|1 reads it; ");
  }
  return cat("--columns label=", key,
             " (with --label_values good=up|1,bad=down|0 for words and numbers) or --columns score=", key,
             " reads it; ");
}

// Members that mark a turn as not to be trained on.
constexpr std::array kTrainMembers = {"weight", "train", "loss", "loss_weight"};

bool is_untrained(const Json& extra) {
  for (const char* name : kTrainMembers) {
    const auto found = extra.find(name);
    if (found == extra.end()) { continue; }
    if (found->is_boolean() ? !found->get<bool>() : found->is_number() && found->get<double>() == 0) {
      return true;
    }
  }
  return false;
}

void check_own_marks(const Json& extra, const Where& where) {
  for (const auto& [key, value] : extra.items()) {
    const words::Column* column =
        value.is_primitive() && !value.is_null() ? words::find_column(key) : nullptr;
    check_input(column == nullptr || !column->is_feedback(), where.text(),
                ": the answer's turn has a field \"", key,
                "\", which looks like feedback and would not be read; write it next to the turns as "
                "\"label\" or \"score\", or take it away");
  }
}

// Whether the turn is marked as not to be trained on; its members that tell are removed.
bool take_train_members(Message& message, const Where* answer_of) {
  if (message.extra.empty()) { return false; }
  Json extra = Json::parse(message.extra);
  if (answer_of != nullptr) { check_own_marks(extra, *answer_of); }
  const bool untrained = is_untrained(extra);
  bool changed = false;
  for (const char* name : kTrainMembers) { changed = extra.erase(name) > 0 || changed; }
  if (changed) { message.extra = extra.empty() ? "" : extra.dump(); }
  return untrained;
}

bool same_turn(const Message& a, const Message& b) { return a.role == b.role && a.content == b.content; }

std::size_t system_turns(const std::vector<Message>& turns) {
  const auto end =
      std::find_if(turns.begin(), turns.end(), [](const Message& m) { return m.role != "system"; });
  return static_cast<std::size_t>(end - turns.begin());
}

// Whether the turns of `all` from `at` on begin with those of `start` from `from` on, and go on behind them.
bool begins_with(const std::vector<Message>& all, std::size_t at, const std::vector<Message>& start,
                 std::size_t from) {
  const std::size_t count = start.size() - from;
  if (count == 0 || all.size() <= at + count) { return false; }
  for (std::size_t i = 0; i < count; ++i) {
    if (!same_turn(all[at + i], start[from + i])) { return false; }
  }
  return true;
}

// How many leading turns of an answer repeat the prompt.
std::size_t repeated(const std::vector<Message>& turns, const std::vector<Message>& prompt) {
  if (begins_with(turns, 0, prompt, 0)) { return prompt.size(); }
  const std::size_t own = system_turns(prompt), theirs = system_turns(turns);
  if (own > 0 && theirs == 0 && begins_with(turns, 0, prompt, own)) { return prompt.size() - own; }
  return own == 0 && theirs > 0 && begins_with(turns, theirs, prompt, 0) ? theirs + prompt.size() : 0;
}

// Gives the members names of the table, where the row has no such member yet.
void rename_members(Json& row) {
  Json out = Json::object();
  for (auto& [key, value] : row.get_ref<Json::object_t&>()) {
    const words::Column* column = words::find_column(key);
    const std::string ours(column == nullptr ? std::string_view(key) : column->name);
    const bool taken = ours != key && (row.contains(ours) || out.contains(ours));
    out.emplace(taken ? key : ours, std::move(value));
  }
  row = std::move(out);
}

// What the shape left unmarked gets its mark.
void take_mark(const RowView& row, const std::string& key, const words::Column& column, ReadRow& out) {
  Response& response = out.example.responses[0];
  const Json& value = row.json[key];
  const bool is_score = column.is(words::Column::kScore) && value.is_number() &&
                        (!column.is(words::Column::kThumb) || column.name == "score" ||
                         row.labels == nullptr || row.labels->empty());
  const bool only_label = key == "label" || key == "kto_tag";
  const bool known = row.labels != nullptr && !row.labels->empty();
  if (column.is(words::Column::kThumb) && !is_score &&
      (value.is_boolean() || only_label || (known && column.name != "score"))) {
    out.example.unit = Unit::kBinary;
    response.label = thumb_value(row, value, key);
  } else if (is_score || key == "score") {
    out.example.unit = Unit::kScore;
    out.scored = true;
    response.raw_score = score_value(row, value, key);
  } else {
    unread_feedback(row, key, value, mark_advice(key));
  }
}

// Whether it could be an answer to "is it so?". A text in a column of answers is an answer: "chosen": "yes".
bool is_flag(const Json& value, const words::Column* column) {
  static const LabelValues flags({"good=yes|1", "bad=no|0"});
  return flags.knows(value) && (column == nullptr || !value.is_string());
}

// Stops at feedback inside a member that nothing has read, as in meta.thumb and annotations.0.rating. Other lists are
// not looked into: the documents of a search have scores too.
void check_inside(const RowView& row, const std::string& path, const Json& value, int depth) {
  constexpr int kDeepest = 4;
  const bool is_list = value.is_array() && !value.empty() && words::sounds_like_annotations(path);
  if (is_list) { return check_inside(row, cat(path, ".0"), value[0], depth); }
  if (!value.is_object() || depth == kDeepest) { return; }
  for (const auto& [name, member] : value.items()) {
    const std::string inner = cat(path, ".", name);
    const words::Column* column =
        member.is_primitive() && !member.is_null() ? words::find_column(name) : nullptr;
    if (column != nullptr && column->is_feedback()) {
      unread_feedback(row, inner, member, mark_advice(inner));
    }
    check_inside(row, inner, member, depth + 1);
  }
}

// A single answer that carries no mark: one that is missing, or one inside an object next to it.
void check_unmarked(const RowView& row, const RowScan& scan, ReadRow& out) {
  if (scan.missing == "score") {
    out.example.unit = Unit::kScore;
    out.scored = true;
    return;
  }
  out.missing = scan.missing;
  for (const std::string& key : out.unread) { check_inside(row, key, row.json[key], 0); }
}

// A topic, unless it is a bool.
bool is_topic(const std::string& key, const Json& value) { return key == "tag" && !value.is_boolean(); }

void name_by_mark(ReadRow& out) {
  const std::string_view shape = out.shape;
  if (shape != "prompt and completion" && shape != "messages") { return; }
  if (out.example.unit == Unit::kBinary) { out.shape = "binary"; }
  if (out.example.unit == Unit::kScore) { out.shape = "score"; }
}

}  // namespace

RowScan normalise_row(Json& row, const Where& where, const LabelValues& labels) {
  RowScan scan;
  int nulls = 0;
  bool rename = false;
  for (auto member = row.begin(); member != row.end(); ++member) {
    const words::Column* column = words::find_column(member.key());
    if (column == nullptr) {
      scan.flat_responses = scan.flat_responses || ends_with(member.key(), ".responses");
      continue;
    }
    Json& value = member.value();
    rename = rename || column->name != member.key();
    if (value.is_string() && column->is_value()) {
      if (words::is_missing_word(value.get_ref<const std::string&>()) &&
          (labels.empty() || !labels.knows(value))) {
        value = nullptr;
      }
    } else if (value.is_string()) {
      parse_turns({row, where}, member.key(), value);
    }
    if (!value.is_null() || !(column->is_feedback() || column->is(words::Column::kAnswer))) { continue; }
    ++nulls;
    if (column->is(words::Column::kThumb | words::Column::kScore) && column->name != "tag") {
      scan.missing = column->name;
    }
  }
  if (nulls != 1) { scan.missing.clear(); }
  if (rename) { rename_members(row); }
  return scan;
}

std::vector<std::string> take_other_names(Json& row) {
  // A prompt of several parts has no single name.
  const Json blank = "";
  for (const char* part : {"instruction", "system", "context", "history"}) {
    if (has(row, part) && row[part] != blank) { return {}; }
  }
  std::vector<std::string> taken;
  for (const std::string_view target : {"prompt", "completion"}) {
    const std::string ours(target);
    std::vector<std::string> names, nulls;
    for (const auto& [key, value] : row.items()) {
      const words::Column* column = words::find_column(key);
      if (column != nullptr && column->alias_of == target) {
        (value.is_null() ? nulls : names).push_back(key);
      }
    }
    if (names.empty()) { names = nulls; }
    if (names.size() != 1 || has(row, ours.c_str())) { continue; }
    Json value = std::move(row[names[0]]);
    row.erase(names[0]);
    row[ours] = std::move(value);
    taken.push_back(cat(names[0], " as ", ours));
  }
  return taken;
}

bool blank_nulls(Json& row) {
  const auto blank = [&](std::initializer_list<const char*> names) {
    bool any = false;
    for (const char* name : names) {
      const auto found = row.find(name);
      if (found == row.end() || !found->is_null()) { continue; }
      *found = "";
      any = true;
    }
    return any;
  };
  const bool is_pair = has(row, "chosen") || has(row, "rejected");
  const bool prompt = blank({"prompt", "question", "instruction"});
  return (is_pair ? blank({"chosen", "rejected"}) : blank({"completion", "response", "answer", "output"})) ||
         prompt;
}

void read_marks(const RowView& row, const RowScan& scan, const std::string& ground_truth, ReadRow& out) {
  const Example& example = out.example;
  const bool bare = example.unit == Unit::kSft && example.responses.size() == 1;
  const bool marks_count = example.unit != Unit::kPrompt && !out.unmarked;
  std::vector<std::string> marks;
  for (const auto& [key, value] : row.json.items()) {
    const bool was_read = std::find(row.reads->begin(), row.reads->end(), &value) != row.reads->end();
    if (value.is_null() || was_read || key.empty() || key == "ignored" || key == ground_truth) { continue; }
    const words::Column* column = words::find_column(key);
    const bool known = column != nullptr && column->is_feedback();
    const bool feedback = known || (bare && words::sounds_like_feedback(key, is_flag(value, column)));
    if (feedback && marks_count && !is_topic(key, value)) {
      if (!known || !bare || !marks.empty()) {
        unread_feedback(row, key, value, bare && marks.empty() ? mark_advice(key) : "");
      }
      marks.push_back(key);
    } else {
      out.unread.push_back(key);
    }
  }
  if (!bare) { return; }
  if (marks.empty()) {
    check_unmarked(row, scan, out);
  } else {
    out.mark = marks[0];
    take_mark(row, marks[0], *words::find_column(marks[0]), out);
  }
  name_by_mark(out);
}

void leave_untrained_out(ReadRow& out) {
  for (Message& message : out.example.prompt.messages) { take_train_members(message, nullptr); }
  for (Response& response : out.example.responses) {
    for (Message& message : response.text.messages) {
      if (take_train_members(message, &out.example.where) && out.drop.empty()) {
        out.drop = "answer marked as not to be trained on";
      }
    }
  }
}

void remove_repeated_prompt(Example& example) {
  std::vector<Message>& prompt = example.prompt.messages;
  const std::vector<Message> as_given = prompt;
  std::vector<Message> system;
  bool all = !example.responses.empty();
  for (const Response& response : example.responses) {
    const std::vector<Message>& turns = response.text.messages;
    const std::size_t count = repeated(turns, as_given);
    const std::size_t extra = count > as_given.size() ? count - as_given.size() : 0;
    const std::vector<Message> own(turns.begin(), turns.begin() + static_cast<std::ptrdiff_t>(extra));
    if (&response == &example.responses[0]) { system = own; }
    all = all && extra > 0 && std::equal(own.begin(), own.end(), system.begin(), system.end(), same_turn);
  }
  for (Response& response : example.responses) {
    std::vector<Message>& turns = response.text.messages;
    const std::size_t count = repeated(turns, as_given);
    if (count > as_given.size() && !all) { continue; }  // the answers differ in their system turns
    turns.erase(turns.begin(), turns.begin() + static_cast<std::ptrdiff_t>(count));
  }
  if (all) { prompt.insert(prompt.begin(), system.begin(), system.end()); }
}

}  // namespace una::rows
