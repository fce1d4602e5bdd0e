#include "una/recipe/label/label_rows.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/views/native_row.h"

namespace una::recipe {
namespace {

using Preference = reward::Comparer::Preference;

Json answer_json(const Example& example, std::size_t response) {
  return text_json(example.responses[response].text);
}

// The preference of a row that is written as a pair, or left out because there is no winner.
std::optional<Preference> pair_of(const Labels& labels, const LabelFormat& format) {
  return format.kind == LabelKind::kPairs ? labels.preference : std::nullopt;
}

std::optional<Json> pair_row(const Example& example, Preference preference) {
  if (preference != Preference::kFirst && preference != Preference::kSecond) { return std::nullopt; }
  const std::size_t chosen = preference == Preference::kFirst ? 0 : 1;
  Json row{{"prompt", text_json(example.prompt)}};
  row["chosen"] = answer_json(example, chosen);
  row["rejected"] = answer_json(example, 1 - chosen);
  views::append_kept(row, example);
  return row;
}

void check_range(const Example& example, double score, const std::optional<reward::ScoreScale>& range) {
  if (!range) { return; }
  const double slack = 1e-9 * (range->hi - range->lo);
  check_input(score >= range->lo - slack && score <= range->hi + slack, example.where.text(), ": the score ",
              significant(score, 6), " is outside ", significant(range->lo, 6), "..",
              significant(range->hi, 6), "; give --score_range lo,hi or --score_range observed");
}

// {"score": 0.5} or {"label": true}
Json mark_json(const Example& example, double score, const LabelFormat& format) {
  if (format.kind == LabelKind::kThumbs) { return {{"label", score > 0.5}}; }
  check_range(example, score, format.range);
  return {{"score", score}};
}

const char* reason_of(Preference preference) {
  return preference == Preference::kTie ? "tie" : "the two orders disagree";
}

// All pairs of each row's answers, judged in one call.
std::vector<Labels> compare_rows(reward::Comparer& comparer, const std::vector<const Example*>& rows) {
  std::vector<std::vector<reward::Question>> questions;
  std::vector<reward::Comparer::Pair> pairs;
  std::vector<std::vector<std::pair<std::size_t, std::size_t>>> owners(rows.size());
  for (const Example* row : rows) {
    questions.emplace_back();
    for (std::size_t r = 0; r < row->responses.size(); ++r) {
      questions.back().push_back(reward::question_of(*row, r));
    }
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t a = 0; a < questions[i].size(); ++a) {
      for (std::size_t b = a + 1; b < questions[i].size(); ++b) {
        pairs.push_back({&questions[i][a], &questions[i][b]});
        owners[i].emplace_back(a, b);
      }
    }
  }
  const std::vector<reward::Comparer::Comparison> results = comparer.compare(pairs);
  std::vector<Labels> out;
  auto next = results.begin();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto end = next + static_cast<std::ptrdiff_t>(owners[i].size());
    Labels labels{.verdicts = reward::win_shares(questions[i].size(), owners[i], {next, end})};
    if (questions[i].size() == 2) { labels.preference = next->preference; }
    out.push_back(std::move(labels));
    next = end;
  }
  return out;
}

}  // namespace

LabelKind label_kind(reward::Reward& reward) {
  if (reward.comparer() != nullptr) { return LabelKind::kPairs; }
  return reward.is_thumbs() ? LabelKind::kThumbs : LabelKind::kScores;
}

std::vector<Labels> label_rows(reward::Reward& reward, const std::vector<const Example*>& rows) {
  if (reward::Comparer* comparer = reward.comparer()) { return compare_rows(*comparer, rows); }
  std::vector<reward::Question> questions;
  for (const Example* row : rows) {
    for (std::size_t r = 0; r < row->responses.size(); ++r) {
      questions.push_back(reward::question_of(*row, r));
    }
  }
  std::vector<reward::Verdict> verdicts = reward.score(questions);
  check(verdicts.size() == questions.size(), "a reward gave another number of verdicts than questions");
  std::vector<Labels> out;
  auto next = verdicts.begin();
  for (const Example* row : rows) {
    const auto end = next + static_cast<std::ptrdiff_t>(row->responses.size());
    out.push_back({.verdicts = {std::make_move_iterator(next), std::make_move_iterator(end)}});
    next = end;
  }
  return out;
}

std::optional<Json> labelled_row(const Example& example, const Labels& labels, const LabelFormat& format) {
  if (const std::optional<Preference> pair = pair_of(labels, format)) { return pair_row(example, *pair); }
  Json row{{"prompt", text_json(example.prompt)}}, responses = Json::array();
  for (std::size_t r = 0; r < example.responses.size(); ++r) {
    const std::optional<double> score = labels.verdicts[r].score;
    if (!score) { continue; }
    Json response{{"content", answer_json(example, r)}};
    response.update(mark_json(example, *score, format));
    responses.push_back(std::move(response));
  }
  if (responses.empty()) { return std::nullopt; }
  if (responses.size() > 1) {
    row["responses"] = std::move(responses);
  } else {
    row["completion"] = responses[0]["content"];
    responses[0].erase("content");
    row.update(responses[0]);
  }
  if (format.kind != LabelKind::kThumbs && format.range) {
    row["score_range"] = {format.range->lo, format.range->hi};
  }
  views::append_kept(row, example);
  return row;
}

std::vector<Json> left_out(const Example& example, const Labels& labels, const LabelFormat& format) {
  const Json place{{"file", example.where.file}, {"line", example.where.line}};
  std::vector<Json> out;
  const std::optional<Preference> pair = pair_of(labels, format);
  if (pair && *pair != Preference::kMissing) {
    if (pair_row(example, *pair)) { return out; }
    out.push_back(place);
    out.back()["reason"] = reason_of(*pair);
    return out;
  }
  for (std::size_t r = 0; r < labels.verdicts.size(); ++r) {
    if (labels.verdicts[r].score) { continue; }
    out.push_back(place);
    out.back()["response"] = r;
    out.back()["reason"] = labels.verdicts[r].failure;
  }
  return out;
}

void LabelSummary::add(const Example& example, const Labels& labels) {
  if (labels.preference) { ++preferences[static_cast<std::size_t>(*labels.preference)]; }
  for (const reward::Verdict& verdict : labels.verdicts) {
    if (!verdict.score) {
      if (missing++ == 0) { first_failure = cat(example.where.text(), ": ", verdict.failure); }
      continue;
    }
    const double score = *verdict.score;
    lowest = scored == 0 ? score : std::min(lowest, score);
    highest = scored == 0 ? score : std::max(highest, score);
    sum += score;
    squares += score * score;
    ++scored;
  }
}

std::string LabelSummary::text(LabelKind kind) const {
  std::string out = cat("answers    ", thousands(scored), " labelled, ", thousands(missing), " missing");
  const double n = std::max(1.0, static_cast<double>(scored));
  if (kind == LabelKind::kThumbs) {
    out += cat("; ", thousands(std::llround(sum)), " up, ", thousands(scored - std::llround(sum)), " down");
  } else if (scored > 0) {
    const double deviation = std::sqrt(std::max(0.0, squares / n - sum / n * sum / n));
    out += cat("; mean ", significant(sum / n, 4), ", standard deviation ", significant(deviation, 4),
               ", from ", significant(lowest, 4), " to ", significant(highest, 4));
  }
  const auto count = [&](Preference p) { return thousands(preferences[static_cast<std::size_t>(p)]); };
  if (kind == LabelKind::kPairs) {
    out += cat("\npairs      first better ", count(Preference::kFirst), ", second better ",
               count(Preference::kSecond), ", ties ", count(Preference::kTie), ", the two orders disagree ",
               count(Preference::kDisagreement), ", missing ", count(Preference::kMissing));
  }
  if (missing > 0) { out += cat("\nmissing    the first: ", first_failure); }
  return out;
}

}  // namespace una::recipe
