#pragma once

#include <cstdint>
#include <vector>

#include "una/base/json.h"
#include "una/core/sequence.h"
#include "una/data/dataset.h"
#include "una/dist/gang.h"
#include "una/eval/agreement.h"
#include "una/eval/log_ratio.h"

namespace una::eval {

// How answers get implicit rewards: beta * (log-prob under `policy` - log-prob under `base`).
struct ImplicitScorer {
  PolicyUse policy, base;
  double beta = 0;
  bool token_logps = false;  // also write the log-prob of every answer token
};

// The lines of rows `begin` to `end` of the data set, by row: a list of objects, one for each answer (row, response, file,
// line, tokens, logp, ref_logp, reward, score; `una score --help`). Each rank of the gang computes its share and all get
// all. InputError, on all of them, where a log-prob is not finite.
std::vector<Json> score_rows(const ImplicitScorer& scorer, const data::Dataset& dataset, std::int64_t begin,
                             std::int64_t end, dist::Gang& gang);

// What the rewards of a row's answers, in their lines, tell about its feedback.
void compare_scores(const Row& row, const Json& lines, Agreement& agreement);

}  // namespace una::eval
