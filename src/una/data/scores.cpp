#include "una/data/scores.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <set>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/data/reference_columns.h"

namespace una::data::detail {
namespace {

bool is_sentinel(double score) { return score == -1 || score == -100 || !std::isfinite(score); }

double parse_bound(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  check_input(!text.empty() && *end == '\0' && std::isfinite(value),
              cat("--score_range: \"", text, "\" is not a number"));
  return value;
}

std::optional<ScoreRange> range_option(const DataOptions& options) {
  if (options.score_range.empty()) return std::nullopt;
  check_input(options.score_range.size() == 2, "--score_range needs two numbers, lo,hi, for example 1,10");
  const ScoreRange range{parse_bound(options.score_range[0]), parse_bound(options.score_range[1])};
  check_input(range.lo < range.hi, "--score_range needs lo,hi with lo < hi");
  return range;
}

// Scores that nobody gave a range: they pass only when all of them lie in [0, 1].
struct Unranged {
  std::int64_t count = 0;
  double lowest = std::numeric_limits<double>::infinity();
  double highest = -lowest;
  const Where* outside = nullptr;

  void see(double score, const Where& where) {
    ++count;
    lowest = std::min(lowest, score);
    highest = std::max(highest, score);
    if (outside == nullptr && (score < 0 || score > 1)) outside = &where;
  }
  void refuse_outside() const {
    if (outside == nullptr) return;
    throw InputError(cat(outside->text(),
                         ": field \"score\" lies outside [0, 1] and no range is known (observed ", "minimum ",
                         significant(lowest, 6), ", maximum ", significant(highest, 6), " over ",
                         thousands(count), " scores): give --score_range lo,hi"));
  }
};

std::string range_text(const ScoreRange& range) {
  return cat(significant(range.lo, 6), "..", significant(range.hi, 6));
}

// True when the response kept a score.
bool map_one(Response& response, const std::optional<ScoreRange>& known, const Where& where,
             Unranged& unranged) {
  if (!response.raw_score) return false;
  const double raw = *response.raw_score;
  const ScoreRange range = known.value_or(ScoreRange{});
  const double slack =
      1e-9 * (range.hi - range.lo);  // a weighted sum such as HelpSteer2's ends a bit beyond its range
  const bool inside = raw >= range.lo - slack && raw <= range.hi + slack;
  if (!inside && is_sentinel(raw)) {
    response.raw_score.reset();
    return false;
  }
  if (!known) unranged.see(raw, where);
  if (!inside && known) {
    throw InputError(cat(where.text(), ": field \"score\" is ", significant(raw, 6), ", outside the range ",
                         range_text(range), "; correct the row, or give the range with score_range"));
  }
  response.score = to_unit(raw, range);
  return true;
}

}  // namespace

double to_unit(double raw, const ScoreRange& range) {
  return std::clamp((raw - range.lo) / (range.hi - range.lo), 0.0, 1.0);
}

void map_scores(std::vector<ReadRow>& rows, const DataOptions& options, ReadReport& report) {
  const std::optional<ScoreRange> by_option = range_option(options);
  Unranged unranged;
  std::set<std::string> rules;
  for (ReadRow& row : rows) {
    const std::optional<ScoreRange> range = row.range ? row.range : by_option;
    bool any = false;
    for (Response& response : row.example.responses)
      any = map_one(response, range, row.example.where, unranged) || any;
    const bool labelled = !row.scored && row.example.unit == Unit::kBinary;
    if (any || labelled) map_ref_rewards(row.example, labelled ? std::nullopt : range);
    if (!any) continue;
    row.range = range;
    if (!row.scale.empty())
      rules.insert(row.scale);
    else
      rules.insert(range ? range_text(*range) + " -> 0..1" : "0..1 as they stand");
  }
  unranged.refuse_outside();
  report.score_mapping = join({rules.begin(), rules.end()}, "; ");
}

}  // namespace una::data::detail
