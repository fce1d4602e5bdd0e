#include "una/data/scores.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>
#include <memory>
#include <set>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/data/reference_columns.h"
#include "una/data/score_mappings.h"

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

// Takes the score away when it is a sentinel of a failed judge outside `range`.
void drop_sentinel(Response& response, const ScoreRange& range, bool declared, const Where& where) {
  if (!response.raw_score) return;
  const double raw = *response.raw_score;
  const bool inside = is_inside(raw, range);
  if (!inside && is_sentinel(raw)) {
    response.raw_score.reset();
    return;
  }
  check_input(inside || !declared,
              cat(where.text(), ": field \"score\" is ", significant(raw, 6), ", outside the range ",
                  range_text(range), "; correct the row, or give the range with score_range"));
}

bool has_scores(const ReadRow& row) {
  return std::any_of(row.example.responses.begin(), row.example.responses.end(),
                     [](const Response& response) { return response.raw_score.has_value(); });
}

bool is_labelled(const ReadRow& row) { return !row.scored && row.example.unit == Unit::kBinary; }

std::string map_by_range(std::vector<ReadRow>& rows) {
  Unranged unranged;
  std::set<std::string> rules;
  for (ReadRow& row : rows) {
    const ScoreRange range = row.range.value_or(ScoreRange{});
    for (Response& response : row.example.responses) {
      drop_sentinel(response, range, row.range.has_value(), row.example.where);
      if (!response.raw_score) continue;
      if (!row.range) unranged.see(*response.raw_score, row.example.where);
      response.score = to_unit(*response.raw_score, range);
    }
    if (is_labelled(row)) map_ref_rewards(row.example, std::nullopt);
    if (!has_scores(row)) continue;
    map_ref_rewards(row.example, row.range);
    if (!row.scale.empty())
      rules.insert(row.scale);
    else
      rules.insert(row.range ? range_text(*row.range) + " -> 0..1" : "0..1 as they stand");
  }
  unranged.refuse_outside();
  return join({rules.begin(), rules.end()}, "; ");
}

// The scores of one source, from which its mapping is learnt.
struct SourceScores {
  std::vector<double> scores;
  std::optional<ScoreRange> range;
  const Where* first = nullptr;

  void add(const ReadRow& row) {
    if (first == nullptr) {
      first = &row.example.where;
      range = row.range;
    }
    const bool same = range.has_value() == row.range.has_value() &&
                      (!range || (range->lo == row.range->lo && range->hi == row.range->hi));
    const auto text = [](const std::optional<ScoreRange>& of) { return of ? range_text(*of) : "none"; };
    check_input(same,
                cat(row.example.where.text(), ": the scores of source \"", row.example.source,
                    "\" have the range ", text(row.range), " here and ", text(range), " in ", first->text(),
                    "; one mapping is fitted to a source, so tell them apart by \"source\""));
    for (const Response& response : row.example.responses)
      if (response.raw_score) scores.push_back(*response.raw_score);
  }
};

std::shared_ptr<const ScoreFits> fit_scores(const std::vector<ReadRow>& rows, const ScoreMapping& mapping) {
  std::map<std::string, SourceScores> by_source;
  for (const ReadRow& row : rows) {
    if (has_scores(row)) by_source[row.example.source].add(row);
  }
  auto fits = std::make_shared<ScoreFits>();
  fits->mapping = mapping.name;
  for (auto& [source, of] : by_source) {
    std::sort(of.scores.begin(), of.scores.end());
    check_input(of.scores.front() < of.scores.back(),
                cat("--score_mapping ", mapping.name, ": all ", thousands(std::ssize(of.scores)),
                    " scores of source \"", source, "\" are ", significant(of.scores.front(), 6),
                    ", so there is nothing to fit; leave the source out, or use --score_mapping range"));
    fits->by_source[source] = mapping.fit(of.scores);
  }
  return fits;
}

// Rows for evaluation lie in files of other names, so a single fit serves them all.
const ScoreFit& fit_of(const ScoreFits& fits, const Example& example) {
  const auto found = fits.by_source.find(example.source);
  if (found != fits.by_source.end()) return *found->second;
  if (fits.by_source.size() == 1) return *fits.by_source.begin()->second;
  std::vector<std::string> names;
  for (const auto& [name, fit] : fits.by_source) names.push_back(name);
  throw InputError(cat(example.where.text(), ": --score_mapping ", fits.mapping,
                       " was not fitted to source \"", example.source,
                       "\"; give the row a \"source\" of the training rows: ",
                       names.empty() ? "they have no scores" : join(names, ", ")));
}

std::string fits_text(const ScoreFits& fits, const ScoreMapping& mapping, bool fitted_here) {
  std::vector<std::string> parts;
  for (const auto& [source, fit] : fits.by_source) parts.push_back(cat(source, ": ", fit->text()));
  if (parts.empty()) return "";
  return cat(mapping.name, ", ", mapping.rule, fitted_here ? "; " : ", as fitted to the training rows; ",
             join(parts, "; "));
}

std::string map_by_fit(std::vector<ReadRow>& rows, const ScoreMapping& mapping, const DataOptions& options,
                       ReadReport& report) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (ReadRow& row : rows) {
    const ScoreRange range = row.range.value_or(ScoreRange{-kInfinity, kInfinity});
    for (Response& response : row.example.responses)
      drop_sentinel(response, range, row.range.has_value(), row.example.where);
  }
  const bool reused = options.score_fits != nullptr;
  report.score_fits = reused ? options.score_fits : fit_scores(rows, mapping);
  bool any = false;
  for (ReadRow& row : rows) {
    if (is_labelled(row)) map_ref_rewards(row.example, std::nullopt);
    if (!has_scores(row)) continue;
    any = true;
    const ScoreFit& fit = fit_of(*report.score_fits, row.example);
    for (Response& response : row.example.responses)
      if (response.raw_score) response.score = fit.target(*response.raw_score);
    map_ref_rewards(row.example, fit, row.range);
  }
  return any ? fits_text(*report.score_fits, mapping, !reused) : "";
}

}  // namespace

bool is_inside(double raw, const ScoreRange& range) {
  const double slack = 1e-9 * (range.hi - range.lo);
  return std::isfinite(raw) && raw >= range.lo - slack && raw <= range.hi + slack;
}

double to_unit(double raw, const ScoreRange& range) {
  return std::clamp((raw - range.lo) / (range.hi - range.lo), 0.0, 1.0);
}

void map_scores(std::vector<ReadRow>& rows, const DataOptions& options, ReadReport& report) {
  const ScoreMapping& mapping = find_score_mapping(options.score_mapping);
  const std::optional<ScoreRange> by_option = range_option(options);
  for (ReadRow& row : rows) {
    if (!row.range && row.scored) row.range = by_option;
  }
  report.score_mapping =
      mapping.fit == nullptr ? map_by_range(rows) : map_by_fit(rows, mapping, options, report);
}

}  // namespace una::data::detail
