#include "una/views/scores/scores.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>
#include <memory>
#include <set>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/views/scores/reference_columns.h"
#include "una/views/scores/score_fit_file.h"
#include "una/views/scores/score_mappings.h"

namespace una::views {
namespace {

bool is_sentinel(double score) { return score == -1 || score == -100 || !std::isfinite(score); }

double parse_bound(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  check_input(!text.empty() && *end == '\0' && std::isfinite(value), "--score_range: \"", text,
              "\" is not a number");
  return value;
}

std::optional<rows::ScoreRange> range_option(const rows::DataOptions& options) {
  if (options.score_range.empty()) { return std::nullopt; }
  check_input(options.score_range.size() == 2, "--score_range needs two numbers, lo,hi, for example 1,10");
  const rows::ScoreRange range{parse_bound(options.score_range[0]), parse_bound(options.score_range[1])};
  check_input(range.lo < range.hi, "--score_range needs lo,hi with lo < hi");
  return range;
}

// Where a row's score is, by the name that its file has for it.
std::string score_field(const rows::ReadRow& row) {
  return cat(row.example.where.text(), ": field \"", row.mark.empty() ? "score" : row.mark, "\"");
}

// Scores without a range: they pass only when all of them are in [0, 1].
struct Unranged {
  std::int64_t count = 0;
  double lowest = std::numeric_limits<double>::infinity();
  double highest = -lowest;
  std::string outside;  // the first that is; "": none

  void see(double score, const rows::ReadRow& row) {
    ++count;
    lowest = std::min(lowest, score);
    highest = std::max(highest, score);
    if (outside.empty() && (score < 0 || score > 1)) { outside = score_field(row); }
  }
  void refuse_outside() const {
    if (outside.empty()) { return; }
    throw InputError(cat(outside, " is outside [0, 1] and no range is known (observed ", "minimum ",
                         significant(lowest, 6), ", maximum ", significant(highest, 6), " over ",
                         thousands(count), " scores): give --score_range lo,hi"));
  }
};

std::string range_text(const rows::ScoreRange& range) {
  return cat(significant(range.lo, 6), "..", significant(range.hi, 6));
}

// Takes the score away when it is a sentinel of a failed judge outside `range`.
void drop_sentinel(Response& response, const rows::ScoreRange& range, const rows::ReadRow& row) {
  if (!response.raw_score) { return; }
  const double raw = *response.raw_score;
  const bool inside = is_inside(raw, range);
  if (!inside && is_sentinel(raw)) {
    response.raw_score.reset();
    return;
  }
  check_input(inside || !row.range, score_field(row), " is ", significant(raw, 6), ", outside the range ",
              range_text(range), "; correct the row, or give the range with score_range");
}

bool has_scores(const rows::ReadRow& row) {
  return std::any_of(row.example.responses.begin(), row.example.responses.end(),
                     [](const Response& response) { return response.raw_score.has_value(); });
}

bool is_labelled(const rows::ReadRow& row) { return !row.scored && row.example.unit == Unit::kBinary; }

// The scores of one source, from which its mapping is learnt.
struct SourceScores {
  std::vector<double> scores;
  std::optional<rows::ScoreRange> range;
  std::optional<Where> first;

  void add(const rows::ReadRow& row) {
    const std::optional<rows::ScoreRange>& own = row.range;
    if (!first) {
      first = row.example.where;
      range = own;
    }
    const bool same =
        range.has_value() == own.has_value() && (!range || (range->lo == own->lo && range->hi == own->hi));
    const auto text = [](const std::optional<rows::ScoreRange>& of) { return of ? range_text(*of) : "none"; };
    check_input(same, row.example.where.text(), ": the scores of source \"", row.example.source,
                "\" have the range ", text(own), " here and ", text(range), " in ", first->text(),
                "; one mapping is fitted to a source, so tell them apart by \"source\"");
    for (const Response& response : row.example.responses) {
      if (response.raw_score) { scores.push_back(*response.raw_score); }
    }
  }
};

using SourceTable = std::map<std::string, SourceScores>;

std::shared_ptr<const rows::ScoreFits> fit_scores(SourceTable by_source, const ScoreMapping& mapping) {
  auto fits = std::make_shared<rows::ScoreFits>();
  fits->mapping = mapping.name;
  for (auto& [source, of] : by_source) {
    std::sort(of.scores.begin(), of.scores.end());
    check_input(of.scores.front() < of.scores.back(), "--score_mapping ", mapping.name, ": all ",
                thousands(std::ssize(of.scores)), " scores of source \"", source, "\" are ",
                significant(of.scores.front(), 6),
                ", so there is nothing to fit; leave the source out, or use --score_mapping range");
    fits->by_source[source] = mapping.fit(of.scores);
  }
  return fits;
}

// Rows for evaluation are in files of other names, so a single fit serves them all.
const rows::ScoreFit& fit_of(const rows::ScoreFits& fits, const Example& example) {
  const auto found = fits.by_source.find(example.source);
  if (found != fits.by_source.end()) { return *found->second; }
  if (fits.by_source.size() == 1) { return *fits.by_source.begin()->second; }
  std::vector<std::string> names;
  for (const auto& [name, fit] : fits.by_source) { names.push_back(name); }
  throw InputError(cat(example.where.text(), ": --score_mapping ", fits.mapping,
                       " was not fitted to source \"", example.source,
                       "\"; give the row a \"source\" of the training rows: ",
                       names.empty() ? "they have no scores" : join(names, ", ")));
}

// Nothing: they are to be fitted here, or the mapping needs none.
std::shared_ptr<const rows::ScoreFits> given_fits(const rows::DataOptions& options) {
  if (options.score_fits != nullptr || options.score_fit.empty()) { return options.score_fits; }
  std::shared_ptr<const rows::ScoreFits> fits = read_score_fits(options.score_fit);
  check_input(options.score_mapping == "range" || options.score_mapping == fits->mapping, "--score_mapping ",
              options.score_mapping, ": ", rows::score_fit_path(options.score_fit), " holds ", fits->mapping,
              "; leave score_mapping or score_fit out");
  return fits;
}

std::string fits_text(const rows::ScoreFits& fits, const ScoreMapping& mapping, const std::string& from) {
  std::vector<std::string> parts;
  for (const auto& [source, fit] : fits.by_source) { parts.push_back(cat(source, ": ", fit->text())); }
  if (parts.empty()) { return ""; }
  return cat(mapping.name, ", ", mapping.rule, from, "; ", join(parts, "; "));
}

}  // namespace

bool is_inside(double raw, const rows::ScoreRange& range) {
  const double slack = 1e-9 * (range.hi - range.lo);
  return std::isfinite(raw) && raw >= range.lo - slack && raw <= range.hi + slack;
}

double to_unit(double raw, const rows::ScoreRange& range) {
  return std::clamp((raw - range.lo) / (range.hi - range.lo), 0.0, 1.0);
}

struct ScoreMapper::State {
  explicit State(const rows::DataOptions& from)
      : options(from),
        given(given_fits(from)),
        mapping(find_score_mapping(given == nullptr ? from.score_mapping : given->mapping)),
        by_option(range_option(from)) {}

  bool is_fitted() const { return mapping.fit != nullptr; }

  void give_range(rows::ReadRow& row) const {
    if (!row.range && row.scored) { row.range = by_option; }
  }

  // Without a range, fitted mappings take every number.
  rows::ScoreRange range_of(const rows::ReadRow& row) const {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    return row.range.value_or(is_fitted() ? rows::ScoreRange{-kInfinity, kInfinity} : rows::ScoreRange{});
  }

  void drop_sentinels(rows::ReadRow& row) const {
    for (Response& response : row.example.responses) { drop_sentinel(response, range_of(row), row); }
  }

  void map_by_range(rows::ReadRow& row) {
    const rows::ScoreRange range = range_of(row);
    for (Response& response : row.example.responses) {
      if (!response.raw_score) { continue; }
      if (!row.range) { unranged.see(*response.raw_score, row); }
      response.score = to_unit(*response.raw_score, range);
    }
    if (!has_scores(row)) { return; }
    map_ref_rewards(row.example, row.range);
    if (!row.scale.empty()) {
      rules.insert(row.scale);
    } else {
      rules.insert(row.range ? range_text(*row.range) + " -> 0..1" : "0..1 unchanged");
    }
  }

  void map_by_fit(rows::ReadRow& row) {
    if (!has_scores(row)) { return; }
    any_fitted = true;
    const rows::ScoreFit& fit = fit_of(*fits, row.example);
    for (Response& response : row.example.responses) {
      if (response.raw_score) { response.score = fit.target(*response.raw_score); }
    }
    map_ref_rewards(row.example, fit, row.range);
  }

  const rows::DataOptions& options;
  std::shared_ptr<const rows::ScoreFits> given;
  const ScoreMapping& mapping;
  std::optional<rows::ScoreRange> by_option;
  Unranged unranged;
  std::set<std::string> rules;
  SourceTable seen;
  std::shared_ptr<const rows::ScoreFits> fits;  // from the first `map` on
  bool any_fitted = false;
};

ScoreMapper::ScoreMapper(const rows::DataOptions& options) : state_(std::make_unique<State>(options)) {}
ScoreMapper::~ScoreMapper() = default;

bool ScoreMapper::learns() const { return state_->is_fitted() && state_->given == nullptr; }

void ScoreMapper::see(const std::vector<rows::ReadRow>& rows) {
  for (rows::ReadRow row : rows) {
    state_->give_range(row);
    state_->drop_sentinels(row);
    if (has_scores(row)) { state_->seen[row.example.source].add(row); }
  }
}

void ScoreMapper::map(std::vector<rows::ReadRow>& rows) {
  State& state = *state_;
  if (state.is_fitted() && state.fits == nullptr) {
    state.fits = state.given != nullptr ? state.given : fit_scores(std::move(state.seen), state.mapping);
  }
  for (rows::ReadRow& row : rows) {
    state.give_range(row);
    state.drop_sentinels(row);
    if (is_labelled(row)) { map_ref_rewards(row.example, std::nullopt); }
    if (state.is_fitted()) {
      state.map_by_fit(row);
    } else {
      state.map_by_range(row);
    }
  }
  state.unranged.refuse_outside();
}

void ScoreMapper::finish(rows::ReadReport& report) {
  const State& state = *state_;
  report.score_fits = state.fits;
  report.score_mapping = join({state.rules.begin(), state.rules.end()}, "; ");
  check_input(state.any_fitted || !learns(), "--score_mapping ", state.mapping.name,
              ": no row has a score that it could be fitted to; leave it out");
  if (!state.any_fitted) { return; }
  const std::string from = learns() ? ""
                           : state.options.score_fit.empty()
                               ? ", as fitted to the training rows"
                               : ", as stored in " + rows::score_fit_path(state.options.score_fit);
  report.score_mapping = fits_text(*state.fits, state.mapping, from);
}

void map_scores(std::vector<rows::ReadRow>& rows, const rows::DataOptions& options,
                rows::ReadReport& report) {
  ScoreMapper mapper(options);
  if (mapper.learns()) { mapper.see(rows); }
  mapper.map(rows);
  mapper.finish(report);
}

}  // namespace una::views
