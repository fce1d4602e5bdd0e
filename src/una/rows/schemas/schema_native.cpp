#include <cmath>
#include <utility>

#include "una/base/format.h"
#include "una/rows/schemas/fields.h"
#include "una/rows/schemas/schemas.h"

// Our own row with a list of answers, and the flat row with one scored answer.
namespace una::rows {
namespace {

enum class Mark { kScore, kLabel, kRank };

const char* mark_name(Mark mark) {
  return mark == Mark::kScore ? "score" : mark == Mark::kLabel ? "label" : "rank";
}

Mark mark_of(const RowView& row, const Json& item, const std::string& field) {
  std::vector<Mark> found;
  for (const Mark mark : {Mark::kScore, Mark::kLabel, Mark::kRank}) {
    if (item.contains(mark_name(mark))) { found.push_back(mark); }
  }
  if (found.size() != 1) { bad_field(row, field, "must have exactly one of score, label and rank"); }
  return found[0];
}

Text answer_text(const RowView& row, const Json& item, const std::string& field) {
  if (!item.is_object()) { wrong_type(row, field, "an object {\"content\": ..., \"score\": ...}", item); }
  const char* key = first_of(item, {"content", "response"});
  if (key == nullptr) { bad_field(row, field + ".content", "is missing"); }
  return text_value(row, item[key], cat(field, ".", key));
}

// What stands beside an answer: its score, label, or rank.
void read_mark(const RowView& row, const Json& item, Mark mark, const std::string& field, Response& response,
               std::vector<double>& ranks) {
  const Json& value = item[mark_name(mark)];
  const std::string name = cat(field, ".", mark_name(mark));
  if (mark == Mark::kScore) {
    response.raw_score = score_value(row, value, name);
  } else if (mark == Mark::kLabel) {
    if (!value.is_boolean()) { wrong_type(row, name, "true or false (a JSON bool)", value); }
    response.label = value.get<bool>();
  } else {
    if (!value.is_number()) { wrong_type(row, name, "a number", value); }
    ranks.push_back(value.get<double>());
  }
}

}  // namespace

bool fits_bare_responses(const Json& row) {
  if (!fits_native_responses(row) || row["responses"].empty()) { return false; }
  for (const Json& item : row["responses"]) {
    if (!item.is_string() && !item.is_object()) { return false; }
    for (const Mark mark : {Mark::kScore, Mark::kLabel, Mark::kRank}) {
      if (item.is_object() && item.contains(mark_name(mark))) { return false; }
    }
  }
  return true;
}

void read_bare_responses(const RowView& row, ReadRow& out) {
  out.example.prompt = text_field(row, first_of(row.json, {"prompt", "messages"}));
  out.example.unit = Unit::kGroup;
  out.unmarked = true;
  const Json& items = row.json["responses"];
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string field = cat("responses[", i, "]");
    Text text =
        items[i].is_string() ? plain_text(items[i].get<std::string>()) : answer_text(row, items[i], field);
    out.example.responses.push_back(response_of(std::move(text)));
  }
}

bool fits_native_responses(const Json& row) {
  return first_of(row, {"prompt", "messages"}) != nullptr && has_list(row, "responses");
}

void read_native_responses(const RowView& row, ReadRow& out) {
  out.example.prompt = text_field(row, first_of(row.json, {"prompt", "messages"}));
  const Json& items = row.json["responses"];
  if (items.empty()) { bad_field(row, "responses", "is empty"); }
  std::vector<double> ranks;
  Mark mark = Mark::kScore;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string field = cat("responses[", i, "]");
    Response response = response_of(answer_text(row, items[i], field));
    const Mark own = mark_of(row, items[i], field);
    if (i == 0) { mark = own; }
    if (own != mark) {
      bad_field(row, field, cat("must have a ", mark_name(mark), " as the answers before it"));
    }
    read_mark(row, items[i], mark, field, response, ranks);
    out.example.responses.push_back(std::move(response));
  }
  out.example.unit = mark == Mark::kLabel ? Unit::kBinary : Unit::kGroup;
  out.scored = mark != Mark::kLabel;
  if (mark == Mark::kRank) { score_by_rank(ranks, out); }
}

// A score that is null is still a score row: the answer leaves as "score missing".
bool fits_flat_score(const Json& row) {
  return first_of(row, {"prompt", "messages"}) != nullptr && row.contains("score") &&
         (first_of(row, {"response", "completion"}) != nullptr || has_list(row, "messages"));
}

void read_flat_score(const RowView& row, ReadRow& out) {
  out.example.unit = Unit::kScore;
  out.scored = true;
  const char* answer = first_of(row.json, {"response", "completion"});
  Response response;
  if (answer != nullptr) {
    out.example.prompt = text_field(row, first_of(row.json, {"prompt", "messages"}));
    response.text = text_field(row, answer);
  } else {
    std::vector<Message> turns = messages_value(row, row.json["messages"], "messages");
    response.text = chat_text(split_answer(turns));
    out.example.prompt = chat_text(std::move(turns));
  }
  response.raw_score = score_value(row, row.json["score"], "score");
  out.example.responses.push_back(std::move(response));
}

}  // namespace una::rows
