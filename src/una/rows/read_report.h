#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "una/base/json.h"

namespace una::rows {

struct ScoreFits;  // score_fit.h

// A source of a weighted mixture and how many of its rows were drawn.
struct MixturePart {
  std::string name;
  double weight = 0;
  std::int64_t rows = 0, of = 0;
};

// What the reader understood: printed at the start, stored in the run folder.
struct ReadReport {
  std::int64_t rows_read = 0, rows_kept = 0, rows_truncated = 0, boundary_repaired = 0;
  std::map<std::string, std::int64_t> by_shape;  // "TRL pair (strings)" -> rows of the file
  std::map<std::string, std::int64_t> by_unit;   // "pairwise" -> rows kept
  std::map<std::string, std::int64_t> dropped;   // reason -> rows
  std::map<std::string, std::int64_t> ties;      // derived pairs without a winner
  std::map<std::string, std::int64_t> unused;    // scored answers that the chosen view has no place for
  std::map<std::string, std::int64_t> unread;    // column that nothing has read -> rows
  std::map<std::string, std::int64_t> renamed;   // "reply as completion" -> rows
  std::vector<std::string> sources;              // names; Row::source indexes it
  std::map<std::int64_t, std::int64_t> lengths;  // tokens -> kept sequences of that length
  std::vector<MixturePart> mixture;              // when weights were given
  std::int64_t groups = 0, largest_group = 0;    // groups of two or more answers
  std::shared_ptr<const ScoreFits> score_fits;   // when a mapping was fitted
  std::string score_mapping;  // "1..10 -> 0..1", "HelpSteer2: (0.65 helpfulness + ...) / 7.6"

  std::string text(std::int64_t max_length) const;  // the table for people
  Json json() const;
};

}  // namespace una::rows
