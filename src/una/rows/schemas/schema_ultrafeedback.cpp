#include <cstdlib>
#include <utility>

#include "una/base/format.h"
#include "una/rows/schemas/fields.h"
#include "una/rows/schemas/schemas.h"

// UltraFeedback, binarized (a pair with both scores, 1..10) and raw (about four answers, four ratings each).
namespace una::rows {
namespace {

constexpr const char* kAspects[] = {"instruction_following", "honesty", "truthfulness", "helpfulness"};

// Both scores are there, one of them perhaps as null: missing. (Both null: a table that holds other rows too.)
bool has_scores(const Json& object) {
  return object.contains("score_chosen") && object.contains("score_rejected") &&
         (has(object, "score_chosen") || has(object, "score_rejected"));
}

// The object that holds the two scores: the row itself or its `metadata`.
const Json* scores_of(const Json& row) {
  if (has_scores(row)) { return &row; }
  const auto metadata = row.find("metadata");
  return metadata != row.end() && metadata->is_object() && has_scores(*metadata) ? &*metadata : nullptr;
}

// Ratings are "5", 5 or "N/A"; the last is missing.
std::optional<double> rating_of(const Json& annotation) {
  const auto found = annotation.find("Rating");
  if (found == annotation.end()) { return std::nullopt; }
  if (found->is_number()) { return found->get<double>(); }
  if (!found->is_string()) { return std::nullopt; }
  const std::string text = found->get<std::string>();
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  return end != text.c_str() && *end == '\0' ? std::optional(value) : std::nullopt;
}

// Mean of the ratings that are there. (`overall_score` is known to hold misread values, "10" read as "1".)
std::optional<double> mean_rating(const Json& completion) {
  const auto annotations = completion.find("annotations");
  if (annotations == completion.end() || !annotations->is_object()) { return std::nullopt; }
  double sum = 0;
  int count = 0;
  for (const char* aspect : kAspects) {
    const auto annotation = annotations->find(aspect);
    if (annotation == annotations->end() || !annotation->is_object()) { continue; }
    if (const std::optional<double> rating = rating_of(*annotation)) { sum += *rating, ++count; }
  }
  return count > 0 ? std::optional(sum / count) : std::nullopt;
}

}  // namespace

bool fits_ultrafeedback_pair(const Json& row) {
  return has_all(row, {"chosen", "rejected"}) && scores_of(row) != nullptr;
}

void read_ultrafeedback_pair(const RowView& row, ReadRow& out) {
  if (has(row.json, "prompt") || has(row.json, "messages")) {
    read_pair(row, out);
  } else {
    read_implicit_pair(row, out);
  }
  const bool own = scores_of(row.json) == &row.json;
  const RowView scores{own ? row.json : need(row, "metadata"), row.where, nullptr, row.reads};
  const std::string parent = own ? "" : "metadata.";
  out.scored = true;
  if (!out.range) {
    out.range = ScoreRange{1, 10};
    out.scale = "UltraFeedback: 1..10 -> 0..1";
  }
  const char* keys[] = {"score_chosen", "score_rejected"};
  for (std::size_t i = 0; i < 2; ++i) {
    out.example.responses[i].raw_score = score_value(row, need(scores, keys[i]), parent + keys[i]);
  }
}

bool fits_ultrafeedback_raw(const Json& row) {
  return first_of(row, {"instruction", "prompt"}) != nullptr && has_list(row, "completions") &&
         !row["completions"].empty() && row["completions"][0].is_object() &&
         has_all(row["completions"][0], {"response", "annotations"});
}

void read_ultrafeedback_raw(const RowView& row, ReadRow& out) {
  out.example.unit = Unit::kGroup;
  out.example.prompt = text_field(row, first_of(row.json, {"instruction", "prompt"}));
  out.scored = true;
  out.range = ScoreRange{1, 5};
  out.scale = "UltraFeedback raw: mean of the four ratings, 1..5 -> 0..1";
  const Json& completions = need(row, "completions");
  for (std::size_t i = 0; i < completions.size(); ++i) {
    const std::string field = cat("completions[", i, "].response");
    if (!completions[i].is_object() || !completions[i].contains("response")) {
      bad_field(row, field, "is missing");
    }
    Response response = response_of(text_value(row, completions[i]["response"], field));
    response.raw_score = mean_rating(completions[i]);
    out.example.responses.push_back(std::move(response));
  }
}

}  // namespace una::rows
