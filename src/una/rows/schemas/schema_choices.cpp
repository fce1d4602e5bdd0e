#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "una/base/ascii.h"
#include "una/base/error.h"
#include "una/base/format.h"
#include "una/rows/schemas/fields.h"
#include "una/rows/schemas/schemas.h"
#include "una/rows/schemas/turns/turn_marks.h"

// Two answers in columns of their own, and a column that says which is preferred: PKU-SafeRLHF, Stanford's SHP, HelpSteer3
// and the plain table of a comparison.
namespace una::rows {
namespace {

// What a choice says; `margin` 0 where it has no strength.
struct Choice {
  Preferred preferred = Preferred::kNone;
  double margin = 0;
};

Choice by_index(const RowView& row, const char* key) {
  const Json& value = need(row, key);
  if (value == 0) { return {Preferred::kFirst}; }
  if (value == 1) { return {Preferred::kSecond}; }
  wrong_type(row, key, "0 or 1, the number of the preferred answer", value);
}

// SHP: whether the first one is preferred.
Choice by_first(const RowView& row, const char* key) {
  const Json& value = need(row, key);
  if (value == 1) { return {Preferred::kFirst}; }
  if (value == 0) { return {Preferred::kSecond}; }
  wrong_type(row, key, "1 (the first is preferred) or 0", value);
}

// HelpSteer3: below 0 for the first one, above for the second, by how much.
Choice by_sign(const RowView& row, const char* key) {
  const double strength = number_field(row, key);
  if (strength == 0) { return {Preferred::kTie}; }
  return {strength < 0 ? Preferred::kFirst : Preferred::kSecond, std::fabs(strength)};
}

// By a word, or by the number of an answer where they are numbered 1 and 2 (1.5: AlpacaEval's tie).
Choice by_word(const RowView& row, const char* key) {
  const Json& value = need(row, key);
  const bool numbered = has(row.json, "response_1") || has(row.json, "answer_1") ||
                        has(row.json, "completion_1") || has(row.json, "output_1");
  if (numbered && (value == 1 || value == "1")) { return {Preferred::kFirst}; }
  if (numbered && (value == 2 || value == "2")) { return {Preferred::kSecond}; }
  if (numbered && value == 1.5) { return {Preferred::kTie}; }
  return {preferred_by_word(row, key)};
}

// Kaggle's LMSYS table: one column for each outcome, 1 in the one that holds.
Choice by_outcome(const RowView& row, const char* key) {
  constexpr std::pair<const char*, Preferred> kOutcomes[] = {{"winner_model_a", Preferred::kFirst},
                                                             {"winner_model_b", Preferred::kSecond},
                                                             {"winner_tie", Preferred::kTie}};
  Choice choice;
  for (const auto& [name, preferred] : kOutcomes) {
    if (has(row.json, name) && truth_of(need(row, name)) == true) { choice = {preferred}; }
  }
  if (choice.preferred == Preferred::kNone) {
    bad_field(row, key, "is not 1, and neither is winner_model_b or winner_tie");
  }
  return choice;
}

struct Comparison {
  const char *prompt, *first, *second, *choice;
  Choice (*read)(const RowView& row, const char* key);
};

constexpr Comparison kKnown[] = {
    {"prompt", "response_0", "response_1", "better_response_id", by_index},
    {"history", "human_ref_A", "human_ref_B", "labels", by_first},
    {"context", "response_1", "response_2", "overall_preference", by_sign},
    {"prompt", "response_1", "response_2", "overall_preference", by_sign},
    {"prompt", "response_a", "response_b", "winner_model_a", by_outcome},
};

// The plain tables: any name of a question, of two answers and of a choice.
constexpr std::pair<const char*, const char*> kAnswers[] = {
    {"response_a", "response_b"}, {"response_1", "response_2"},     {"answer_a", "answer_b"},
    {"answer_1", "answer_2"},     {"completion_a", "completion_b"}, {"completion_1", "completion_2"},
    {"output_a", "output_b"},     {"output_1", "output_2"},
};

std::optional<Comparison> named_comparison(const Json& row) {
  const char* prompt = first_of(row, {"prompt", "question", "instruction", "query"});
  if (prompt == nullptr) { return std::nullopt; }
  for (const auto& [first, second] : kAnswers) {
    if (!has_all(row, {first, second})) { continue; }
    for (const char* choice : {"winner", "preference", "preferred", "choice", "better", "label", "chosen"}) {
      if (row.contains(choice)) { return Comparison{prompt, first, second, choice, by_word}; }
    }
  }
  return std::nullopt;
}

std::optional<Comparison> comparison_of(const Json& row) {
  const auto found = std::find_if(std::begin(kKnown), std::end(kKnown), [&](const Comparison& each) {
    return row.contains(each.choice) && has_all(row, {each.prompt, each.first, each.second});
  });
  return found != std::end(kKnown) ? *found : named_comparison(row);
}

// The text of a list of one, which Kaggle's cells hold as JSON; of more turns there is no common prompt.
bool take_single(Json& value) {
  if (std::optional<Json> list = structure_in(value); list && list->is_array()) {
    if (list->size() != 1 || !(*list)[0].is_string()) { return false; }
    value = (*list)[0];
  }
  return true;
}

}  // namespace

bool fits_choice(const Json& row) { return comparison_of(row).has_value(); }

OwnRow own_choice(const RowView& row) {
  const std::optional<Comparison> names = comparison_of(row.json);
  if (!names) { throw InternalError("own_choice: the row is not a comparison"); }
  const Choice choice = has(row.json, names->choice) ? names->read(row, names->choice) : Choice();
  OwnRow own;
  own.tie = choice.preferred == Preferred::kTie;
  if (choice.preferred == Preferred::kNone) { own.drop = "preference missing"; }
  Json prompt = need(row, names->prompt), first = need(row, names->first), second = need(row, names->second);
  if (names->read == by_outcome && !(take_single(prompt) && take_single(first) && take_single(second))) {
    own.drop = "a battle of several turns";
  }
  if (choice.preferred == Preferred::kSecond) { std::swap(first, second); }
  own.row = {{"prompt", std::move(prompt)}, {"chosen", std::move(first)}, {"rejected", std::move(second)}};
  if (choice.margin > 0) { own.row["margin"] = choice.margin; }
  return own;
}

Preferred preferred_by_word(const RowView& row, const char* key) {
  static constexpr std::string_view
      kFirst =
          " a model_a response_a answer_a completion_a output_a response1 response_1 answer_1 completion_1 output_1 "
          "model_1 first ",
      kSecond =
          " b model_b response_b answer_b completion_b output_b response2 response_2 answer_2 completion_2 output_2 "
          "model_2 second ",
      kTies = " tie tied draw equal both tie_(bothbad) bothbad both_bad ";
  const Json& value = need(row, key);
  if (value.is_null()) { return Preferred::kNone; }
  std::string word = value.is_string() ? value.get<std::string>() : "";
  std::replace(word.begin(), word.end(), ' ', '_');
  word = cat(' ', lower_ascii(word), ' ');
  if (kFirst.find(word) != std::string_view::npos) { return Preferred::kFirst; }
  if (kSecond.find(word) != std::string_view::npos) { return Preferred::kSecond; }
  if (kTies.find(word) == std::string_view::npos) {
    wrong_type(row, key, "model_a, model_b, a, b, response_1, response_2, tie or both_bad", value);
  }
  return Preferred::kTie;
}

}  // namespace una::rows
