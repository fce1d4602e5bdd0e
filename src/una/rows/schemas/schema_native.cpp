#include <algorithm>
#include <utility>

#include "una/base/format.h"
#include "una/rows/schemas/fields.h"
#include "una/rows/schemas/schemas.h"
#include "una/words/columns.h"

// Our own row with a list of answers.
namespace una::rows {
namespace {

enum class Mark { kScore, kLabel, kRank };

const char* mark_name(Mark mark) {
  return mark == Mark::kScore ? "score" : mark == Mark::kLabel ? "label" : "rank";
}

// The mark that the list goes by: that of the first answer that has one. A null is a missing mark only where no
// answer has another.
std::optional<Mark> mark_of_list(const Json& items) {
  for (const bool null_counts : {false, true}) {
    for (const Json& item : items) {
      for (const Mark mark : {Mark::kScore, Mark::kLabel, Mark::kRank}) {
        if (!item.is_object() || !item.contains(mark_name(mark))) { continue; }
        if (null_counts || !item[mark_name(mark)].is_null()) { return mark; }
      }
    }
  }
  return std::nullopt;
}

const char* const kTexts[] = {"text", "completion", "answer", "output"};

void name_text(Json& item) {
  if (first_of(item, {"content", "response"}) != nullptr) { return; }
  for (const char* name : kTexts) {
    if (!has(item, name)) { continue; }
    item["content"] = item[name];
    item.erase(name);
    return;
  }
}

// The one mark under another name gets ours.
void name_mark(Json& item, const words::LabelValues& labels) {
  std::string mark;
  for (const auto& [key, value] : item.items()) {
    const words::Column* column = value.is_null() ? nullptr : words::find_column(key);
    if (column == nullptr || !column->is_feedback()) { continue; }
    if (!mark.empty()) { return; }
    mark = key;
  }
  if (mark.empty()) { return; }
  const words::Column& column = *words::find_column(mark);
  const Json value = item[mark];
  const bool is_thumb =
      column.is(words::Column::kThumb) && (value.is_boolean() || (!labels.empty() && labels.knows(value)));
  const bool is_score = !is_thumb && column.is(words::Column::kScore) && value.is_number();
  if (!is_thumb && !is_score) { return; }
  item.erase(mark);
  item[is_thumb ? "label" : "score"] = value;
}

// Any other feedback in the answer would be lost.
void check_marks(const RowView& row, const Json& item, Mark mark, const std::string& field) {
  for (const auto& [key, value] : item.items()) {
    const words::Column* column =
        value.is_null() || key == mark_name(mark) ? nullptr : words::find_column(key);
    if (column == nullptr || !column->is_feedback()) { continue; }
    for (const Mark other : {Mark::kScore, Mark::kLabel, Mark::kRank}) {
      if (key != mark_name(other)) { continue; }
      bad_field(row, field,
                has(item, mark_name(mark))
                    ? std::string("must have exactly one of score, label and rank")
                    : cat("must have a ", mark_name(mark), " as the answers before it"));
    }
    bad_field(row, cat(field, ".", key),
              cat("looks like feedback and would not be read next to ", mark_name(mark),
                  "; take one of them away"));
  }
}

Text answer_text(const RowView& row, const Json& item, const std::string& field) {
  if (!item.is_object()) { wrong_type(row, field, "an object {\"content\": ..., \"score\": ...}", item); }
  const char* key = first_of(item, {"content", "response"});
  if (key == nullptr) { bad_field(row, field + ".content", "is missing"); }
  return text_value(row, item[key], cat(field, ".", key));
}

// The answer's mark: its score, label, or rank. Absent or null it is missing, which a rank cannot be.
void read_mark(const RowView& row, const Json& item, Mark mark, const std::string& field, Response& response,
               std::vector<double>& ranks) {
  const auto found = item.find(mark_name(mark));
  const Json value = found == item.end() ? Json() : *found;
  const std::string name = cat(field, ".", mark_name(mark));
  if (mark == Mark::kScore) {
    response.raw_score = score_value(row, value, name);
  } else if (mark == Mark::kLabel) {
    response.label = thumb_value(row, value, name);
  } else {
    if (!value.is_number()) { wrong_type(row, name, "a number", value); }
    ranks.push_back(value.get<double>());
  }
}

}  // namespace

void name_answer_members(Json& row, const words::LabelValues& labels) {
  if (!has_list(row, "responses")) { return; }
  Json& items = row["responses"];
  const bool marked = mark_of_list(items).has_value();
  for (Json& item : items) {
    if (!item.is_object()) { continue; }
    name_text(item);
    if (!marked) { name_mark(item, labels); }
  }
}

bool fits_bare_responses(const Json& row) {
  if (!fits_native_responses(row) || row["responses"].empty()) { return false; }
  const Json& items = row["responses"];
  const auto is_answer = [](const Json& item) { return item.is_string() || item.is_object(); };
  return std::all_of(items.begin(), items.end(), is_answer) && !mark_of_list(items);
}

void read_bare_responses(const RowView& row, ReadRow& out) {
  out.example.prompt = text_field(row, first_of(row.json, {"prompt", "messages"}));
  out.example.unit = Unit::kGroup;
  out.unmarked = true;
  const Json& items = need(row, "responses");
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string field = cat("responses[", i, "]");
    Text text =
        items[i].is_string() ? plain_text(items[i].get<std::string>()) : answer_text(row, items[i], field);
    out.example.responses.push_back(response_of(std::move(text)));
  }
}

bool fits_native_responses(const Json& row) {
  return first_of(row, {"prompt", "messages"}) != nullptr && has_list(row, "responses") && !fits_lists(row);
}

void read_native_responses(const RowView& row, ReadRow& out) {
  out.example.prompt = text_field(row, first_of(row.json, {"prompt", "messages"}));
  const Json& items = need(row, "responses");
  if (items.empty()) { bad_field(row, "responses", "is empty"); }
  const std::optional<Mark> mark = mark_of_list(items);
  if (!mark) { bad_field(row, "responses[0]", "must have exactly one of score, label and rank"); }
  std::vector<double> ranks;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string field = cat("responses[", i, "]");
    Response response = response_of(answer_text(row, items[i], field));
    check_marks(row, items[i], *mark, field);
    read_mark(row, items[i], *mark, field, response, ranks);
    out.example.responses.push_back(std::move(response));
  }
  out.example.unit = *mark == Mark::kLabel ? Unit::kBinary : Unit::kGroup;
  out.scored = *mark != Mark::kLabel;
  if (*mark == Mark::kRank) { score_by_rank(ranks, out); }
}

}  // namespace una::rows
