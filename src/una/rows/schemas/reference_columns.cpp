#include "una/rows/schemas/reference_columns.h"

#include <cmath>

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

}  // namespace una::rows
