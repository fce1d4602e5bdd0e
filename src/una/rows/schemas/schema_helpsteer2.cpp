#include <algorithm>
#include <cmath>
#include <utility>

#include "una/rows/schemas/fields.h"
#include "una/rows/schemas/schemas.h"

// HelpSteer2: one answer with five attributes 0..4 a row (two rows a prompt), and its preferences.
namespace una::rows {
namespace {

constexpr double kMissing = -100;  // the raw releases' mark for an attribute without a rating

// Annotators' means may be fractions, so any number in the range is taken.
std::optional<double> attribute(const RowView& row, const char* key) {
  const std::optional<double> value = score_value(row, need(row, key), key);
  if (!value || *value == kMissing) { return std::nullopt; }
  if (!(*value >= 0 && *value <= 4)) { wrong_type(row, key, "from 0 to 4", row.json[key]); }
  return value;
}

}  // namespace

// A null among the three is a missing attribute; three nulls are a row of another kind.
bool fits_helpsteer2(const Json& row) {
  return has_all(row, {"prompt", "response"}) && row.contains("helpfulness") && row.contains("correctness") &&
         row.contains("coherence") && first_of(row, {"helpfulness", "correctness", "coherence"}) != nullptr;
}

void read_helpsteer2(const RowView& row, ReadRow& out) {
  out.example.unit = Unit::kScore;
  out.example.prompt = text_field(row, "prompt");
  Response response = response_of(text_field(row, "response"));
  const std::optional<double> helpful = attribute(row, "helpfulness");
  const std::optional<double> correct = attribute(row, "correctness");
  const std::optional<double> coherent = attribute(row, "coherence");
  if (helpful && correct && coherent) {  // the paper's weights; 7.6 = 4 (0.65 + 0.8 + 0.45)
    response.raw_score = std::min(1.0, (0.65 * *helpful + 0.8 * *correct + 0.45 * *coherent) / 7.6);
  }
  out.example.responses.push_back(std::move(response));
  out.scored = true;
  out.range = ScoreRange{0, 1};
  out.scale = "HelpSteer2: (0.65 helpfulness + 0.8 correctness + 0.45 coherence) / 7.6";
}

bool fits_helpsteer2_preference(const Json& row) {
  return has_all(row, {"prompt", "response_1", "response_2"}) && row.contains("preference_strength");
}

void read_helpsteer2_preference(const RowView& row, ReadRow& out) {
  out.example.unit = Unit::kPair;
  out.example.prompt = text_field(row, "prompt");
  Response first = response_of(text_field(row, "response_1"));
  Response second = response_of(text_field(row, "response_2"));
  const std::optional<double> strength =
      score_value(row, need(row, "preference_strength"), "preference_strength");
  if (!strength || *strength == kMissing) {
    out.drop = "preference missing";
  } else if (!(std::abs(*strength) <= 3)) {
    wrong_type(row, "preference_strength", "from -3 to 3", row.json["preference_strength"]);
  } else {
    out.tie = *strength == 0;
    if (!out.example.margin) { out.example.margin = std::abs(*strength) / 3; }
    if (*strength > 0) {
      std::swap(first, second);  // negative: response_1 is better
    }
  }
  out.example.responses.push_back(std::move(first));
  out.example.responses.push_back(std::move(second));
}

}  // namespace una::rows
