#include "una/rows/schemas/marks.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/json_line.h"
#include "una/base/json_text.h"
#include "una/rows/schemas/fields.h"

namespace una::rows {
namespace {

using Names = std::vector<std::string_view>;

// A bool here is a thumb.
const Names kThumbs = {"label",    "kto_tag",   "tag",         "thumbs",     "thumb",   "thumbs_up",
                       "is_good",  "good",      "liked",       "like",       "upvoted", "vote",
                       "accepted", "preferred", "correct",     "is_correct", "rating",  "feedback",
                       "positive", "reward",    "is_positive", "score"};
// A number here is a score.
const Names kScores = {"score", "rating", "reward", "stars", "grade"};
// What else looks like feedback.
const Names kOthers = {"thumbs_down", "ratings", "votes",   "upvotes", "downvotes", "preference",
                       "winner",      "rank",    "quality", "scores",  "rewards",   "labels"};

std::string plain_name(const std::string& name) {
  std::string out;
  for (const char c : trim(name)) {
    out += c == ' ' || c == '-' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return out;
}

bool is_one_of(const std::string& name, const Names& names) {
  return std::find(names.begin(), names.end(), plain_name(name)) != names.end();
}

bool looks_like_feedback(const std::string& name) {
  return is_one_of(name, kThumbs) || is_one_of(name, kScores) || is_one_of(name, kOthers);
}

// Members that rows of another kind of the same table have: a null among them tells that the table is a union.
bool is_union_member(const std::string& name) {
  static const Names kAnswers = {"chosen",    "rejected", "completion", "response",
                                 "responses", "messages", "text"};
  return looks_like_feedback(name) || is_one_of(name, kAnswers);
}

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
    if (is_turns(parsed)) { value = std::move(parsed); }
    if (!parsed.is_discarded()) { return; }
  }
  for (const char* mark : {"'role':", "'from':", "'role' :", "'from' :"}) {
    if (text.find(mark) == text.npos) { continue; }
    bad_field(
        row, key,
        "holds a list of turns as Python's repr, which is not JSON; save the table with to_json or to_parquet, "
        "or each list with json.dumps");
  }
}

[[noreturn]] void unread_feedback(const RowView& row, const std::string& key) {
  bad_field(row, key,
            cat("looks like feedback and would not be read (found ", dump_json(row.json[key]),
                "); --columns label=", key, " takes true or false, --columns score=", key,
                " a number; --columns ignored=", key, " trains without it"));
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

// Whether the turn is marked as not to be trained on; its members that tell are removed.
bool take_train_members(Message& message) {
  if (message.extra.empty()) { return false; }
  Json extra = Json::parse(message.extra);
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

}  // namespace

namespace {

// A null that is not an absent column but a score that is missing: the row's only null among the marks and answers, or
// one score of a pair whose other score is given.
bool is_missing_score(const Json& row, const std::string& key, int nulls) {
  const auto given = [&](const char* name) { return row.contains(name) && !row[name].is_null(); };
  return (key == "score" && nulls == 1) || (key == "score_chosen" && given("score_rejected")) ||
         (key == "score_rejected" && given("score_chosen"));
}

}  // namespace

Json normalised_row(const RowView& row) {
  int nulls = 0;
  for (const auto& [key, value] : row.json.items()) {
    nulls += value.is_null() && is_union_member(key) ? 1 : 0;
  }
  Json out = Json::object();
  for (const auto& [key, value] : row.json.items()) {
    if (value.is_null() && !is_missing_score(row.json, key, nulls)) { continue; }
    Json& member = out[key] = value;
    if (member.is_string()) { parse_turns(row, key, member); }
  }
  return out;
}

void read_mark_beside(const RowView& row, ReadRow& out) {
  Example& example = out.example;
  const bool single =
      example.unit == Unit::kSft || example.unit == Unit::kBinary || example.unit == Unit::kScore;
  if (!single || example.responses.size() != 1 || out.unmarked) { return; }
  std::vector<std::string> marks;
  for (const auto& [key, value] : row.json.items()) {
    if (key == "tag" && !value.is_boolean()) { continue; }  // a topic
    if (looks_like_feedback(key) && !value.is_null()) { marks.push_back(key); }
  }
  Response& response = example.responses[0];
  if (example.unit != Unit::kSft) {  // the shape has read one mark: any other would be lost
    const bool scored = example.unit == Unit::kScore;
    const bool has_own = row.json.contains("score") || !scored;
    for (const std::string& key : marks) {
      const bool own = scored ? key == "score" : key == out.mark;
      if (!own && has_own) { unread_feedback(row, key); }
    }
    return;
  }
  if (marks.empty()) { return; }
  const std::string& key = marks[0];
  const Json& value = row.json[key];
  if (marks.size() > 1) { unread_feedback(row, marks[1]); }
  if (value.is_boolean() && is_one_of(key, kThumbs)) {
    example.unit = Unit::kBinary;
    response.label = value.get<bool>();
  } else if (value.is_number() && is_one_of(key, kScores)) {
    example.unit = Unit::kScore;
    out.scored = true;
    response.raw_score = value.get<double>();
  } else {
    unread_feedback(row, key);
  }
}

void leave_untrained_out(ReadRow& out) {
  for (Message& message : out.example.prompt.messages) { take_train_members(message); }
  for (Response& response : out.example.responses) {
    for (Message& message : response.text.messages) {
      if (take_train_members(message) && out.drop.empty()) {
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
