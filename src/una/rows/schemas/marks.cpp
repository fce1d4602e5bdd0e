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
#include "una/rows/schemas/schemas.h"
#include "una/rows/schemas/turns/turn_marks.h"
#include "una/words/columns.h"

namespace una::rows {
namespace {

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

bool same_turn(const Message& a, const Message& b) {
  return a.role == b.role && trim(a.content) == trim(b.content);
}

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

// Of strings. A short prompt may well be the beginning of an answer.
void remove_repeated_text(Example& example) {
  constexpr std::size_t kShortest = 24;
  const std::string& prompt = example.prompt.plain;
  if (prompt.size() < kShortest || trim(prompt).find(' ') == std::string_view::npos) { return; }
  const auto repeats = [&](const Response& response) {
    return !response.text.is_chat && starts_with(response.text.plain, prompt) &&
           response.text.plain.size() > prompt.size();
  };
  if (!std::all_of(example.responses.begin(), example.responses.end(), repeats)) { return; }
  for (Response& response : example.responses) { response.text.plain.erase(0, prompt.size()); }
}

// Lists and objects as JSON text, in any container as in CSV.
void parse_structure(Json& value) {
  if (std::optional<Json> inside = structure_in(value)) { value = *std::move(inside); }
}

// Gives the members names of the table, where the row has no such member yet.
void rename_members(Json& row) {
  Json out = Json::object();
  for (auto& [key, value] : row.get_ref<Json::object_t&>()) {
    const words::Column* column = words::find_column(key);
    const bool is_system = column != nullptr && column->alias_of == "system";
    const std::string ours(column == nullptr ? std::string_view(key)
                           : is_system       ? column->alias_of
                                             : column->name);
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

// Stops at feedback inside a member that nothing has read, as in meta.thumb and annotations.1.rating. Other lists are
// not looked into: the documents of a search have scores too.
void check_inside(const RowView& row, const std::string& path, const Json& value, int depth) {
  constexpr int kDeepest = 4;
  constexpr std::size_t kElements = 16, kLongest = std::size_t{1} << 16U;
  if (depth == kDeepest) { return; }
  if (value.is_string()) {
    if (value.get_ref<const std::string&>().size() > kLongest) { return; }
    if (const std::optional<Json> inside = structure_in(value)) { check_inside(row, path, *inside, depth); }
    return;
  }
  if (value.is_array() && words::sounds_like_annotations(path)) {
    for (std::size_t i = 0; i < std::min(kElements, value.size()); ++i) {
      check_inside(row, cat(path, ".", i), value[i], depth + 1);
    }
  }
  if (!value.is_object()) { return; }
  for (const auto& [name, member] : value.items()) {
    const std::string inner = cat(path, ".", name);
    if (member.is_primitive() && !member.is_null() && words::is_opinion(name, member, "")) {
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
  for (const std::string& key : out.unread) {
    if (words::is_correction(key) && row.json[key].is_string() && row.json[key] != "") {
      bad_field(row, key,
                cat("is a better answer than the one that would be trained on; --columns completion=", key,
                    " trains on it, --columns ignored=", key, " on the other"));
    }
    check_inside(row, key, row.json[key], 0);
  }
}

// It must be clear which answer the mark is about: {"question", "response", "answer", "is_correct"} has two.
void check_other_answers(const RowView& row, const std::string& mark, const std::string& answer,
                         const std::vector<std::string>& unread) {
  for (const std::string& key : unread) {
    const Json& other = row.json[key];
    if (!words::is_completion(key) || !other.is_string() || other == "" || other == answer) { continue; }
    bad_field(row, key,
              cat("is another answer, so it is not clear which one \"", mark,
                  "\" is about; --columns completion=", key, " takes this one, --columns ignored=", key,
                  " the other"));
  }
}

// Next to a pair: a tie, or the answers that chosen and rejected only name.
void check_beside_pair(const RowView& row, const std::string& key, const Json& value,
                       const Example& example) {
  if (value == "rejected") { unread_feedback(row, key, value, ""); }
  const bool is_true = value == true && (key == "tie" || key == "is_tie");
  if (is_true || (value.is_string() && words::is_tie(value.get_ref<const std::string&>()))) {
    bad_field(
        row, key,
        cat("says that the answers are equally good, so neither is chosen; leave the row out, or --columns ignored=",
            key, " trains on it"));
  }
  for (const Response& response : example.responses) {
    if (value.is_string() && !response.text.is_chat && response.text.plain == key) {
      bad_field(row, key, "is only named by \"chosen\" or \"rejected\"; write the answers themselves there");
    }
  }
}

std::string answer_of(const Example& example) {
  const Text& text = example.responses[0].text;
  return text.is_chat ? (text.messages.empty() ? "" : text.messages.back().content) : text.plain;
}

void name_by_mark(ReadRow& out) {
  const std::string_view shape = out.shape;
  if (shape != "prompt and completion" && shape != "messages") { return; }
  if (out.example.unit == Unit::kBinary) { out.shape = "binary"; }
  if (out.example.unit == Unit::kScore) { out.shape = "score"; }
}

}  // namespace

RowScan normalise_row(Json& row, const Where& where, const words::LabelValues& labels) {
  RowScan scan;
  int nulls = 0;
  bool rename = false;
  for (auto member = row.begin(); member != row.end(); ++member) {
    scan.is_annotated = scan.is_annotated || is_argilla_member(member.key(), member.value());
    const words::Column* column = words::find_column(member.key());
    if (column == nullptr) { continue; }
    Json& value = member.value();
    rename = rename || column->name != member.key() || column->alias_of == "system";
    if (value.is_string() && column->is_value()) {
      if (words::is_missing_word(value.get_ref<const std::string&>()) &&
          (labels.empty() || !labels.knows(value))) {
        value = nullptr;
      }
    } else if (value.is_string()) {
      parse_turns({row, where}, member.key(), value);
    }
    if (column->is(words::Column::kJson) || column->is_feedback()) { parse_structure(value); }
    if (!value.is_null() || !(column->is_feedback() || column->is(words::Column::kAnswer))) { continue; }
    ++nulls;
    if (column->is(words::Column::kThumb | words::Column::kScore) && column->name != "tag") {
      scan.missing = column->name;
    }
  }
  if (nulls != 1) { scan.missing.clear(); }
  if (rename) { rename_members(row); }
  name_answer_members(row, labels);
  return scan;
}

namespace {

void rename_member(Json& row, const std::string& theirs, const std::string& ours) {
  Json value = std::move(row[theirs]);
  row.erase(theirs);
  row[ours] = std::move(value);
}

// Alpaca's rows with another name for the output: {"instruction", "input", "response"}.
std::vector<std::string> take_output(Json& row) {
  std::vector<std::string> names;
  for (const auto& [key, value] : row.items()) {
    if (words::is_completion(key) && !value.is_null()) { names.push_back(key); }
  }
  const bool has_other = has(row, "prompt") || has(row, "output");
  if (has_other || !has_string(row, "instruction") || names.size() != 1) { return {}; }
  rename_member(row, names[0], "output");
  return {names[0] + " as output"};
}

}  // namespace

std::vector<std::string> take_other_names(Json& row) {
  if (std::vector<std::string> taken = take_output(row); !taken.empty()) { return taken; }
  // A prompt of several parts has no single name.
  const Json blank = "";
  for (const char* part : {"instruction", "context", "history"}) {
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
    rename_member(row, names[0], ours);
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
  const std::string answer = bare ? answer_of(example) : "";
  std::vector<std::string> marks;
  for (const auto& [key, value] : row.json.items()) {
    const bool was_read = std::find(row.reads->begin(), row.reads->end(), &value) != row.reads->end();
    if (value.is_null() || was_read || key.empty() || key == "ignored" || key == ground_truth) { continue; }
    const words::Column* column = words::find_column(key);
    const bool known = column != nullptr && column->is_feedback();
    const bool feedback = known || (bare && words::is_opinion(key, value, answer));
    // A tag is a topic, unless it is a bool.
    if (feedback && marks_count && !(key == "tag" && !value.is_boolean())) {
      if (!known || !bare || !marks.empty()) {
        unread_feedback(row, key, value, bare && marks.empty() ? mark_advice(key) : "");
      }
      marks.push_back(key);
    } else {
      if (example.unit == Unit::kPair) { check_beside_pair(row, key, value, example); }
      out.unread.push_back(key);
    }
  }
  if (!bare) { return; }
  if (marks.empty()) {
    check_unmarked(row, scan, out);
  } else {
    check_other_answers(row, marks[0], answer, out.unread);
    out.mark = marks[0];
    take_mark(row, marks[0], *words::find_column(marks[0]), out);
  }
  name_by_mark(out);
}

void remove_repeated_prompt(Example& example) {
  if (!example.prompt.is_chat) { return remove_repeated_text(example); }
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
