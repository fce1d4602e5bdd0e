#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "una/base/json.h"
#include "una/core/example.h"
#include "una/reward/reward.h"

namespace una::recipe {

// What a reward said of one row.
struct Labels {
  std::vector<reward::Verdict> verdicts;                        // one an answer
  std::optional<reward::Comparer::Preference> preference = {};  // two answers, compared
};

// Judges rows, in order. A reward that compares judges every two answers of a row; of three answers and more
// each then has the share of its comparisons won.
std::vector<Labels> label_rows(reward::Reward& reward, const std::vector<const Example*>& rows);

// How rows are labelled: by scores, by thumbs up and down, or by preferences between two answers.
enum class LabelKind : std::uint8_t { kScores, kThumbs, kPairs };
LabelKind label_kind(reward::Reward& reward);

// How rows are written.
struct LabelFormat {
  LabelKind kind = LabelKind::kScores;
  std::optional<reward::ScoreScale> range;  // score_range of the rows; nullopt: none is written
};

// The row with its labels in our native form (docs/data.md), without the answers that have none: a score row
// or a group, a label row, or a pair. nullopt: nothing is left of it.
std::optional<Json> labelled_row(const Example& example, const Labels& labels, const LabelFormat& format);

// {"file", "line", "response" (where it is one answer only), "reason"} for what labelled_row leaves out.
std::vector<Json> left_out(const Example& example, const Labels& labels, const LabelFormat& format);

// Sums for people.
struct LabelSummary {
  std::int64_t scored = 0, missing = 0;
  double sum = 0, squares = 0, lowest = 0, highest = 0;
  std::array<std::int64_t, 5> preferences{};  // by Preference
  std::string first_failure;                  // "rows.jsonl:3: ..."

  void add(const Example& example, const Labels& labels);
  bool is_constant() const { return scored > 1 && lowest == highest; }
  std::string text(LabelKind kind) const;
};

}  // namespace una::recipe
