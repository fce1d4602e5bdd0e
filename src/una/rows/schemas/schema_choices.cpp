#include <algorithm>
#include <cmath>
#include <string_view>

#include "una/base/format.h"
#include "una/rows/schemas/fields.h"
#include "una/rows/schemas/schemas.h"

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

Choice by_word(const RowView& row, const char* key) { return {preferred_by_word(row, key)}; }

struct Comparison {
  const char *prompt, *first, *second, *choice;
  Choice (*read)(const RowView& row, const char* key);
};

constexpr Comparison kComparisons[] = {
    {"prompt", "response_0", "response_1", "better_response_id", by_index},
    {"history", "human_ref_A", "human_ref_B", "labels", by_first},
    {"context", "response_1", "response_2", "overall_preference", by_sign},
    {"prompt", "response_1", "response_2", "overall_preference", by_sign},
    {"prompt", "response_a", "response_b", "winner", by_word},
    {"prompt", "answer_a", "answer_b", "winner", by_word},
    {"prompt", "completion_a", "completion_b", "winner", by_word},
    {"prompt", "response_a", "response_b", "preference", by_word},
    {"prompt", "response_1", "response_2", "preference", by_word},
};

const Comparison* comparison_of(const Json& row) {
  const auto found =
      std::find_if(std::begin(kComparisons), std::end(kComparisons), [&](const Comparison& each) {
        return row.contains(each.choice) && has_all(row, {each.prompt, each.first, each.second});
      });
  return found == std::end(kComparisons) ? nullptr : found;
}

}  // namespace

bool fits_choice(const Json& row) { return comparison_of(row) != nullptr; }

OwnRow own_choice(const RowView& row) {
  const Comparison& names = *comparison_of(row.json);
  const Choice choice = has(row.json, names.choice) ? names.read(row, names.choice) : Choice();
  OwnRow own;
  own.tie = choice.preferred == Preferred::kTie;
  if (choice.preferred == Preferred::kNone) { own.drop = "preference missing"; }
  const bool second = choice.preferred == Preferred::kSecond;
  own.row = {{"prompt", need(row, names.prompt)},
             {"chosen", need(row, second ? names.second : names.first)},
             {"rejected", need(row, second ? names.first : names.second)}};
  if (choice.margin > 0) { own.row["margin"] = choice.margin; }
  return own;
}

Preferred preferred_by_word(const RowView& row, const char* key) {
  static constexpr std::string_view
      kFirst = " a A model_a response_a answer_a completion_a response1 response_1 first ",
      kSecond = " b B model_b response_b answer_b completion_b response2 response_2 second ",
      kTies = " tie tie_(bothbad) bothbad both_bad ";
  const Json& value = need(row, key);
  if (value.is_null()) { return Preferred::kNone; }
  std::string word = value.is_string() ? value.get<std::string>() : "";
  std::replace(word.begin(), word.end(), ' ', '_');
  word = cat(' ', word, ' ');
  if (kFirst.find(word) != std::string_view::npos) { return Preferred::kFirst; }
  if (kSecond.find(word) != std::string_view::npos) { return Preferred::kSecond; }
  if (kTies.find(word) == std::string_view::npos) {
    wrong_type(row, key, "model_a, model_b, a, b, response_1, response_2, tie or both_bad", value);
  }
  return Preferred::kTie;
}

}  // namespace una::rows
