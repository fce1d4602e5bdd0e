#include "una/views/scores/reference_columns.h"

#include <algorithm>
#include <cmath>

#include "una/base/error.h"
#include "una/base/format.h"

namespace una::views {
namespace {

// What the answer earned, in the file's unit; empty: nothing was said about it.
std::optional<double> own_reward(const Response& response) {
  if (response.raw_score) { return response.raw_score; }
  if (response.label) { return *response.label ? 1 : 0; }
  return std::nullopt;
}

void check_own(const Response& response, const Where& where) {
  const std::optional<double> own = own_reward(response);
  const std::vector<double>& list = response.ref_rewards.raw;
  if (!own || std::find(list.begin(), list.end(), *own) != list.end()) { return; }
  throw InputError(cat(where.text(), ": field \"in_ref_rewards\" is true, but the answer's reward ",
                       significant(*own, 6),
                       " is not among ref_rewards; add it there, or leave in_ref_rewards out"));
}

void check_reward(double reward, const rows::ScoreRange& scale, bool declared, const Where& where) {
  if (is_inside(reward, scale)) { return; }
  throw InputError(
      cat(where.text(), ": field \"ref_rewards\" holds ", significant(reward, 6), ", outside the range ",
          significant(scale.lo, 6), "..", significant(scale.hi, 6), " of the row's score",
          declared ? "; correct the row, or give the range with score_range" : ": give --score_range lo,hi"));
}

}  // namespace

void map_ref_rewards(Example& example, const std::optional<rows::ScoreRange>& range) {
  const rows::ScoreRange scale = range.value_or(rows::ScoreRange{});
  for (Response& response : example.responses) {
    RefRewards& rewards = response.ref_rewards;
    for (const double raw : rewards.raw) {
      check_reward(raw, scale, range.has_value(), example.where);
      rewards.scores.push_back(to_unit(raw, scale));
    }
    if (rewards.has_own) { check_own(response, example.where); }
  }
}

void map_ref_rewards(Example& example, const rows::ScoreFit& fit,
                     const std::optional<rows::ScoreRange>& range) {
  for (Response& response : example.responses) {
    RefRewards& rewards = response.ref_rewards;
    for (const double raw : rewards.raw) {
      if (range) { check_reward(raw, *range, true, example.where); }
      rewards.scores.push_back(fit.target(raw));
    }
    if (rewards.has_own) { check_own(response, example.where); }
  }
}

}  // namespace una::views
