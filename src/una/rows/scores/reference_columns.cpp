#include "una/rows/scores/reference_columns.h"

#include <algorithm>
#include <cmath>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/rows/schemas/fields.h"

namespace una::rows {
namespace {

Sampler sampler_field(const RowView& row) {
  const std::string name = string_field(row, "sampled_from");
  if (name == "ref") { return Sampler::kReference; }
  if (name == "policy") { return Sampler::kPolicy; }
  bad_field(row, "sampled_from",
            cat("is \"", name, "\", but must be \"ref\" (a sample of the reference policy) or \"policy\""));
}

std::vector<double> rewards_field(const RowView& row) {
  const Json& list = need(row, "ref_rewards");
  if (!list.is_array()) { wrong_type(row, "ref_rewards", "a list of numbers", list); }
  if (list.empty()) { bad_field(row, "ref_rewards", "is empty"); }
  std::vector<double> rewards;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string field = cat("ref_rewards[", i, "]");
    if (!list[i].is_number()) { wrong_type(row, field, "a number", list[i]); }
    rewards.push_back(list[i].get<double>());
    if (!std::isfinite(rewards.back())) { bad_field(row, field, "must be a finite number"); }
  }
  return rewards;
}

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

void check_reward(double reward, const ScoreRange& scale, bool declared, const Where& where) {
  if (is_inside(reward, scale)) { return; }
  throw InputError(
      cat(where.text(), ": field \"ref_rewards\" holds ", significant(reward, 6), ", outside the range ",
          significant(scale.lo, 6), "..", significant(scale.hi, 6), " of the row's score",
          declared ? "; correct the row, or give the range with score_range" : ": give --score_range lo,hi"));
}

}  // namespace

void read_reference_columns(const RowView& row, Example& example) {
  Sampler sampler = Sampler::kUnknown;
  RefRewards rewards;
  if (has(row.json, "sampled_from")) { sampler = sampler_field(row); }
  if (has(row.json, "ref_rewards")) { rewards.raw = rewards_field(row); }
  if (has(row.json, "in_ref_rewards")) { rewards.has_own = bool_field(row, "in_ref_rewards"); }
  if (rewards.has_own && rewards.raw.empty()) {
    bad_field(row, "in_ref_rewards", "is true without ref_rewards");
  }
  for (Response& response : example.responses) {
    response.sampler = sampler;
    response.ref_rewards = rewards;
  }
}

void map_ref_rewards(Example& example, const std::optional<ScoreRange>& range) {
  const ScoreRange scale = range.value_or(ScoreRange{});
  for (Response& response : example.responses) {
    RefRewards& rewards = response.ref_rewards;
    for (const double raw : rewards.raw) {
      check_reward(raw, scale, range.has_value(), example.where);
      rewards.scores.push_back(to_unit(raw, scale));
    }
    if (rewards.has_own) { check_own(response, example.where); }
  }
}

void map_ref_rewards(Example& example, const ScoreFit& fit, const std::optional<ScoreRange>& range) {
  for (Response& response : example.responses) {
    RefRewards& rewards = response.ref_rewards;
    for (const double raw : rewards.raw) {
      if (range) { check_reward(raw, *range, true, example.where); }
      rewards.scores.push_back(fit.target(raw));
    }
    if (rewards.has_own) { check_own(response, example.where); }
  }
}

}  // namespace una::rows
