#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "una/base/format.h"
#include "una/base/rng.h"
#include "una/rows/rows_testing.h"

// Rows of all shapes, with random feedback next to them, nulls, spellings and orders of columns: what is read must be
// what a slow and obvious reading of the same row gives, or the row must be refused, naming a column.
// UNA_PROPERTY_ROWS sets how many rows are tried.
namespace una::rows {
namespace {

struct Answer {
  std::string text;
  std::optional<bool> label;
  std::optional<double> score;
  bool operator==(const Answer&) const = default;
};

// What a row means: what it was made to mean, or what was read.
struct Meaning {
  Unit unit = Unit::kSft;
  std::string prompt;
  std::vector<Answer> answers;
  bool operator==(const Meaning&) const = default;
};

struct Base {
  const char* name;
  std::string row;  // %p, %a, %b: prompt and answers; %s: a score from 1 to 4
  Meaning meaning;  // with the same marks in its texts
};

std::string turns(const char* prompt, const char* answer) {
  return cat(R"([{"role": "user", "content": ")", prompt, R"("}, {"role": "assistant", "content": ")", answer,
             R"("}])");
}
std::string user(const char* text) { return cat(R"([{"role": "user", "content": ")", text, R"("}])"); }
std::string assistant(const char* text) {
  return cat(R"([{"role": "assistant", "content": ")", text, R"("}])");
}

const Meaning kPair{Unit::kPair, "%p", {{"%a", {}, {}}, {"%b", {}, {}}}};
const Meaning kChatPair{Unit::kPair, "user:%p", {{"assistant:%a", {}, {}}, {"assistant:%b", {}, {}}}};
const Meaning kSingle{Unit::kSft, "%p", {{"%a", {}, {}}}};
const Meaning kChat{Unit::kSft, "user:%p", {{"assistant:%a", {}, {}}}};
const Meaning kRanked{Unit::kGroup, "%p", {{"%a", {}, 1}, {"%b", {}, 0}}};

std::vector<Base> pair_bases() {
  return {
      {"strings", R"({"prompt": "%p", "chosen": "%a", "rejected": "%b"})", kPair},
      {"chats",
       cat(R"({"prompt": )", user("%p"), R"(, "chosen": )", assistant("%a"), R"(, "rejected": )",
           assistant("%b"), "}"),
       kChatPair},
      {"whole chats", cat(R"({"chosen": )", turns("%p", "%a"), R"(, "rejected": )", turns("%p", "%b"), "}"),
       kChatPair},
      {"implied",
       R"({"chosen": "%p: %a", "rejected": "%p: %b"})",
       {Unit::kPair, "%p:", {{" %a", {}, {}}, {" %b", {}, {}}}}},
      {"transcripts",
       R"({"chosen": "\n\nHuman: %p\n\nAssistant: %a", "rejected": "\n\nHuman: %p\n\nAssistant: %b"})",
       {Unit::kPair, "\n\nHuman: %p\n\nAssistant:", {{" %a", {}, {}}, {" %b", {}, {}}}}},
      {"two responses", R"({"question": "%p", "response_j": "%a", "response_k": "%b"})", kPair},
      {"swift", cat(R"({"messages": )", turns("%p", "%a"), R"(, "rejected_response": "%b"})"), kChatPair},
      {"alpaca pair", R"({"instruction": "%p", "input": "", "chosen": "%a", "rejected": "%b"})", kPair},
      {"messages pair",
       cat(R"({"chosen_messages": )", turns("%p", "%a"), R"(, "rejected_messages": )", turns("%p", "%b"),
           "}"),
       kChatPair},
      {"sharegpt pair",
       R"({"conversations": [{"from": "human", "value": "%p"}], "chosen": {"from": "gpt", "value": "%a"},
        "rejected": {"from": "gpt", "value": "%b"}})",
       kChatPair},
      {"scored pair",
       R"({"prompt": "%p", "chosen": "%a", "rejected": "%b", "score_chosen": 9, "score_rejected": %s})",
       {Unit::kPair, "%p", {{"%a", {}, 9}, {"%b", {}, -1}}}},
      {"preference", R"({"prompt": "%p", "response_1": "%b", "response_2": "%a", "preference_strength": 2})",
       kPair},
      {"openai",
       cat(R"({"input": {"messages": )", user("%p"), R"(}, "preferred_output": )", assistant("%a"),
           R"(, "non_preferred_output": )", assistant("%b"), "}"),
       kChatPair},
      {"arena",
       cat(R"({"winner": "model_b", "conversation_a": )", turns("%p", "%b"), R"(, "conversation_b": )",
           turns("%p", "%a"), "}"),
       kChatPair},
      {"label studio", R"({"data": {"prompt": "%p", "text1": "%b", "text2": "%a"}, "annotations":
        [{"result": [{"type": "pairwise", "value": {"selected": "right"}}]}]})",
       kPair},
      {"question of a pair", R"({"query": "%p", "chosen": "%a", "rejected": "%b"})", kPair},
      {"choice", R"({"question": "%p", "answer_1": "%b", "answer_2": "%a", "winner": 2})", kPair},
      {"outcomes", R"({"prompt": "[\"%p\"]", "response_a": "[\"%a\"]", "response_b": "[\"%b\"]",
        "winner_model_a": 1, "winner_model_b": 0, "winner_tie": 0})",
       kPair},
      {"whole chats with a turn behind",
       R"({"chosen": [{"role": "user", "content": "%p"}, {"role": "assistant", "content": "%a"}, {"role": "user", "content": "x"}],
        "rejected": [{"role": "user", "content": "%p"}, {"role": "assistant", "content": "%b"}, {"role": "user", "content": "x"}]})",
       kChatPair}};
}

std::vector<Base> other_bases() {
  return {
      {"scores",
       R"({"prompt": "%p", "responses": [{"content": "%a", "score": 0}, {"content": "%b", "score": %s}]})",
       {Unit::kGroup, "%p", {{"%a", {}, 0}, {"%b", {}, -1}}}},
      {"labels",
       R"({"prompt": "%p", "responses": [{"content": "%a", "label": true}, {"content": "%b", "label": false}]})",
       {Unit::kBinary, "%p", {{"%a", true, {}}, {"%b", false, {}}}}},
      {"rewards of texts",
       R"({"prompt": "%p", "completions": [{"text": "%a", "reward": 0}, {"text": "%b", "reward": %s}]})",
       {Unit::kGroup, "%p", {{"%a", {}, 0}, {"%b", {}, -1}}}},
      {"lists as text",
       R"({"prompt": "%p", "responses": "[\"%a\", \"%b\"]", "scores": "[0, %s]"})",
       {Unit::kGroup, "%p", {{"%a", {}, 0}, {"%b", {}, -1}}}},
      {"nectar", R"({"prompt": "%p", "answers": [{"answer": "%a", "rank": 1}, {"answer": "%b", "rank": 2}]})",
       kRanked},
      {"outputs", R"({"instruction": "%p", "output": ["%a", "%b"]})", kRanked},
      {"ratings",
       R"({"instruction": "%p", "completions": [{"response": "%a", "annotations": {"honesty": {"Rating": "%s"}}}]})",
       {Unit::kGroup, "%p", {{"%a", {}, -1}}}},
      {"attributes",
       R"({"prompt": "%p", "response": "%a", "helpfulness": 4, "correctness": 4, "coherence": 4})",
       {Unit::kScore, "%p", {{"%a", {}, 1}}}},
      {"completion", R"({"prompt": "%p", "completion": "%a"})", kSingle},
      {"response", R"({"prompt": "%p", "response": "%a"})", kSingle},
      {"question", R"({"question": "%p", "answer": "%a"})", kSingle},
      {"alpaca", R"({"instruction": "%p", "input": "", "output": "%a"})", kSingle},
      {"other names", R"({"query": "%p", "reply": "%a"})", kSingle},
      {"messages", cat(R"({"messages": )", turns("%p", "%a"), "}"), kChat},
      {"sharegpt", R"({"conversations": [{"from": "human", "value": "%p"}, {"from": "gpt", "value": "%a"}]})",
       kChat},
      {"text", R"({"text": "%a"})", {Unit::kSft, "", {{"%a", {}, {}}}}},
      {"open webui",
       cat(R"({"data": {"rating": -1}, "meta": {"message_index": 1}, "snapshot": {"chat": {"chat": {"messages": )",
           turns("%p", "%a"), "}}}}"),
       {Unit::kBinary, "user:%p", {{"assistant:%a", false, {}}}}},
      {"argilla",
       R"({"fields": {"prompt": "%p", "response": "%a"}, "responses": {"rating": [{"value": %s}]}})",
       {Unit::kScore, "%p", {{"%a", {}, -1}}}},
      {"prompt", R"({"prompt": "%p"})", {Unit::kPrompt, "%p", {}}},
  };
}

const std::vector<Base>& bases() {
  static const std::vector<Base> all = [] {
    std::vector<Base> out = pair_bases();
    for (const Base& base : other_bases()) { out.push_back(base); }
    return out;
  }();
  return all;
}

std::string filled(std::string text, const std::string& prompt, const std::string& a, const std::string& b,
                   int score) {
  const std::pair<const char*, std::string> parts[] = {
      {"%p", prompt}, {"%a", a}, {"%b", b}, {"%s", std::to_string(score)}};
  for (const auto& [mark, value] : parts) {
    for (std::size_t at = text.find(mark); at != text.npos; at = text.find(mark)) {
      text.replace(at, 2, value);
    }
  }
  return text;
}

// ---- the obvious reading of what is next to the answers ----

// Small letters and digits of a name.
std::string bare(const std::string& name) {
  std::string out;
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) { out += static_cast<char>(std::tolower(c)); }
  }
  return out;
}

bool one_of(const std::string& name, const std::vector<std::string>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

const std::vector<std::string> kBoolNames = {
    "label",    "ktotag",     "tag",      "thumb",   "thumbs",   "thumbsup",  "isgood",  "good",
    "like",     "liked",      "vote",     "upvoted", "accepted", "preferred", "correct", "iscorrect",
    "positive", "ispositive", "feedback", "rating",  "reward",   "score"};
const std::vector<std::string> kNumberNames = {"rating", "reward", "score", "stars", "grade"};
const std::vector<std::string> kOtherNames = {"thumbsdown", "disliked",  "ratings",    "votes",
                                              "upvotes",    "downvotes", "preference", "rank",
                                              "quality",    "scores",    "rewards",    "labels"};
const std::vector<std::string> kAnswerNames = {"chosen",    "rejected", "completion",   "response",
                                               "responses", "messages", "text",         "answer",
                                               "output",    "reply",    "conversations"};
const std::vector<std::string> kEndings = {"user_rating", "humanScore", "quality label"};

bool is_feedback(const std::string& name) {
  return one_of(bare(name), kBoolNames) || one_of(bare(name), kNumberNames) ||
         one_of(bare(name), kOtherNames);
}

// nullopt: the row must be refused, naming one of `marks`.
std::optional<Meaning> reference(const Json& extra, Meaning meaning, std::vector<std::string>& marks) {
  const bool single = meaning.unit == Unit::kSft;
  int nulls = 0;
  bool null_score = false;
  for (const auto& [name, given] : extra.items()) {
    const bool feedback = is_feedback(name);
    const bool empty = given.is_null() || (feedback && (given == "N/A" || given == "" || given == "none"));
    if (empty) {
      nulls += feedback || one_of(bare(name), kAnswerNames) ? 1 : 0;
      null_score = null_score || bare(name) == "score";
      continue;
    }
    if (bare(name) == "tag" && !given.is_boolean()) { continue; }
    const bool praise = given == "good";  // whatever the column is called
    if (feedback || (single && (praise || one_of(name, kEndings)))) { marks.push_back(name); }
  }
  if (meaning.unit == Unit::kPrompt) {
    for (const std::string& name : marks) {
      if (one_of(bare(name), {"label", "score", "preference"})) { return std::nullopt; }
    }
    return meaning;
  }
  if (marks.empty()) {
    if (single && null_score && nulls == 1) { meaning.unit = Unit::kScore; }  // and its score is missing
    return meaning;
  }
  if (!single || marks.size() > 1) { return std::nullopt; }
  const Json& value = extra[marks[0]];
  if (value.is_boolean() && one_of(bare(marks[0]), kBoolNames)) {
    meaning.unit = Unit::kBinary;
    meaning.answers[0].label = value.get<bool>();
    return meaning;
  }
  if (value.is_number() && one_of(bare(marks[0]), kNumberNames)) {
    meaning.unit = Unit::kScore;
    meaning.answers[0].score = value.get<double>();
    return meaning;
  }
  return std::nullopt;
}

// ---- rows at random ----

class Rows {
 public:
  explicit Rows(std::uint64_t index) : rng_(11, stream_id("rows"), index) {}

  const Base& base() { return bases()[rng_.below(bases().size())]; }

  // What is next to the answers: none of it in `own`.
  Json extra(const Json& own, bool is_prompt) {
    Json out = Json::object();
    std::vector<std::string> taken;
    for (const auto& [name, value] : own.items()) { taken.push_back(bare(name)); }
    const auto add = [&](const std::string& name, const Json& value) {
      if (one_of(bare(name), taken)) { return; }
      taken.push_back(bare(name));
      out[spelled(name)] = value;
    };
    for (std::uint64_t i = rng_.below(4); i > 1; --i) { add(feedback_name(), feedback_value()); }
    if (rng_.below(8) == 0) { out[kEndings[rng_.below(kEndings.size())]] = feedback_value(); }
    for (std::uint64_t i = rng_.below(4); i > 1; --i) { add(feedback_name(), nullptr); }
    for (std::uint64_t i = is_prompt ? 0 : rng_.below(4); i > 1; --i) {
      add(kAnswerNames[rng_.below(kAnswerNames.size())], nullptr);
    }
    for (std::uint64_t i = rng_.below(4); i > 0; --i) { out[cat("id_", i)] = feedback_value(); }
    return out;
  }

  Json shuffled(const Json& own, const Json& extra) {
    std::vector<std::pair<std::string, Json>> members;
    const bool is_export = own.contains("data") || own.contains("fields") ||
                           own.contains("preferred_output") ||
                           own.contains("conversation_a");  // their names are never typed
    const bool respell = rng_.below(3) == 0 && !is_export;
    for (const auto& [name, value] : own.items()) {
      members.emplace_back(respell ? spelled(name) : name, value);
    }
    for (const auto& [name, value] : extra.items()) { members.emplace_back(name, value); }
    Json row = Json::object();
    while (!members.empty()) {
      const auto at = members.begin() + static_cast<std::ptrdiff_t>(rng_.below(members.size()));
      row[at->first] = at->second;
      members.erase(at);
    }
    return row;
  }

  int score() { return 1 + static_cast<int>(rng_.below(4)); }
  std::string word() { return cat("w", rng_.below(1000)); }

 private:
  std::string feedback_name() {
    const std::vector<std::string> names[] = {
        {"label", "kto_tag", "tag", "thumbs", "thumbs_up", "is_good", "liked", "correct", "feedback"},
        {"rating", "reward", "score", "stars", "grade"},
        {"thumbs_down", "votes", "preference", "rank", "quality", "ratings"}};
    const auto& list = names[rng_.below(5) / 2];
    return list[rng_.below(list.size())];
  }
  Json feedback_value() {
    const Json values[] = {true, false, 1, 0, -1, 4, 2.5, "good", "N/A", "", "none", "maths"};
    return values[rng_.below(std::size(values))];
  }
  std::string spelled(std::string name) {
    const std::uint64_t way = rng_.below(6);
    if (way == 0) { name[0] = static_cast<char>(std::toupper(name[0])); }
    if (way == 1) {
      std::transform(name.begin(), name.end(), name.begin(), [](char c) { return std::toupper(c); });
    }
    if (way == 2) { std::replace(name.begin(), name.end(), '_', ' '); }
    if (way == 3) { name = " " + name + " "; }
    return name;
  }

  Rng rng_;
};

Meaning meaning_of(const ReadRow& row) {
  Meaning out{row.example.unit, prompt_of(row), {}};
  for (std::size_t i = 0; i < row.example.responses.size(); ++i) {
    const Response& response = row.example.responses[i];
    out.answers.push_back({answer_of(row, i), response.label, response.raw_score});
  }
  return out;
}

bool names_one(const std::string& error, const std::vector<std::string>& marks) {
  return std::any_of(marks.begin(), marks.end(),
                     [&](const std::string& mark) { return contains(bare(error), bare(mark)); });
}

std::string told(const Meaning& meaning) {
  std::string out = cat(unit_name(meaning.unit), " ", meaning.prompt);
  for (const Answer& answer : meaning.answers) {
    out += cat(" | ", answer.text, answer.label ? (*answer.label ? " good" : " bad") : "",
               answer.score ? cat(" ", *answer.score) : "");
  }
  return out;
}

// What is wrong with the reading of one random row; "": nothing.
std::string problem_of(std::uint64_t index) {
  Rows rows(index);
  const Base& base = rows.base();
  const std::string prompt = rows.word(), a = "good " + rows.word(), b = "bad " + rows.word();
  const int score = rows.score();
  const auto fill = [&](const std::string& text) { return filled(text, prompt, a, b, score); };
  Meaning meaning = base.meaning;
  meaning.prompt = fill(meaning.prompt);
  for (Answer& answer : meaning.answers) {
    answer.text = fill(answer.text);
    if (answer.score == -1) { answer.score = score; }
  }
  const Json own = parse_json(fill(base.row), base.name);
  const Json extra = rows.extra(own, meaning.unit == Unit::kPrompt);
  const Json row = rows.shuffled(own, extra);
  std::vector<std::string> marks;
  const std::optional<Meaning> expected = reference(extra, meaning, marks);
  const std::string where = cat(index, " (", base.name, "): ", row.dump(), "\n  ");
  try {
    const Meaning read = meaning_of(read_row(row, {"rows.jsonl", 1}, {}));
    if (!expected) {
      return cat(where, "read as ", told(read), ", but must be refused for ", join(marks, ", "));
    }
    return read == *expected ? "" : cat(where, "read as ", told(read), "\n  but is   ", told(*expected));
  } catch (const InputError& error) {
    if (expected) { return cat(where, "refused: ", error.what(), "\n  but is ", told(*expected)); }
    return names_one(error.what(), marks) ? "" : cat(where, "refused without a name: ", error.what());
  }
}

TEST(ReadingProperty, WhatIsReadIsWhatAnObviousReadingSaysOrTheRowIsRefusedByName) {
  const char* given = std::getenv("UNA_PROPERTY_ROWS");
  const std::uint64_t count = given != nullptr ? std::strtoull(given, nullptr, 10) : 4000;
  ASSERT_GT(count, 0U);
  int problems = 0;
  for (std::uint64_t i = 0; i < count && problems < 5; ++i) {
    const std::string problem = problem_of(i);
    problems += problem.empty() ? 0 : 1;
    EXPECT_EQ(problem, "");
  }
}

}  // namespace
}  // namespace una::rows
