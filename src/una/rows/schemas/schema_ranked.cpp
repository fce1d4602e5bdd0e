#include <algorithm>
#include <utility>

#include "una/base/format.h"
#include "una/rows/schemas/fields.h"
#include "una/rows/schemas/schemas.h"

// Ranked lists: the place in the order is all that is known, so it becomes an evenly spaced score.
namespace una::rows {
namespace {

double rank_member(const RowView& row, const Json& item, const std::string& field) {
  if (!item.contains("rank") || !item["rank"].is_number()) {
    bad_field(row, field + ".rank", "must be a number");
  }
  return item["rank"].get<double>();
}

bool items_have(const Json& row, const char* list, std::initializer_list<const char*> keys) {
  return has_list(row, list) && !row[list].empty() && row[list][0].is_object() && has_all(row[list][0], keys);
}

void read_items(const RowView& row, const char* list, const char* answer, ReadRow& out) {
  out.example.unit = Unit::kGroup;
  std::vector<double> ranks;
  const Json& items = need(row, list);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string field = cat(list, "[", i, "]");
    if (!items[i].is_object() || !has(items[i], answer)) {
      bad_field(row, cat(field, ".", answer), "is missing");
    }
    ranks.push_back(rank_member(row, items[i], field));
    out.example.responses.push_back(response_of(text_value(row, items[i][answer], cat(field, ".", answer))));
  }
  score_by_rank(ranks, out);
}

}  // namespace

void score_by_rank(const std::vector<double>& ranks, ReadRow& out) {
  const auto [best, worst] = std::minmax_element(ranks.begin(), ranks.end());
  const double span = *worst - *best;
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    out.example.responses[i].raw_score = span > 0 ? (*worst - ranks[i]) / span : 1;
  }
  out.scored = true;
  out.range = ScoreRange{0, 1};
  out.scale = "ranks: best 1, worst 0, evenly spaced";
}

bool fits_nectar(const Json& row) {
  return has(row, "prompt") && items_have(row, "answers", {"answer", "rank"});
}

void read_nectar(const RowView& row, ReadRow& out) {
  out.example.prompt = text_field(row, "prompt");
  read_items(row, "answers", "answer", out);
}

bool fits_nemo_rl(const Json& row) {
  return has_list(row, "context") && items_have(row, "completions", {"completion", "rank"});
}

void read_nemo_rl(const RowView& row, ReadRow& out) {
  out.example.prompt = text_field(row, "context");
  read_items(row, "completions", "completion", out);
}

}  // namespace una::rows
