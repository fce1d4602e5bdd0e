#include "una/online/round_rows.h"

#include <utility>

#include "una/base/error.h"
#include "una/objective/kernel.h"
#include "una/online/groups.h"

namespace una::online {
namespace {

using Finish = generate::Output::Finish;

constexpr const char* kSamplerLogp = "sampler_logp";

Sequence trained_sequence(const rollout::Answer& answer, const OnlineOptions& options) {
  Sequence sequence = answer.sequence;
  sequence.raw_score = answer.reward;
  sequence.target = objective::sigmoid(answer.reward);
  const bool truncated = answer.finish == Finish::kLength;
  sequence.answer_weight = truncated && options.mask_truncated_completions ? 0 : 1;
  if (!answer.sampled_logps.empty()) { sequence.columns[kSamplerLogp] = answer.sampled_logps; }
  return sequence;
}

Row row_of(const rollout::Group& group, std::size_t number, Unit unit) {
  Row row;
  row.where = group.prompt->example.where;
  row.unit = unit;
  row.index = static_cast<std::int64_t>(number);
  row.group_id = number;  // within the round: annotate() finds the row by it
  row.weight = group.prompt->example.weight;
  return row;
}

// Best against worst; a row without sequences where they tie.
Row pair_row(const rollout::Group& group, std::size_t number, const OnlineOptions& options) {
  const rollout::Answer *best = nullptr, *worst = nullptr;
  for (const rollout::Answer& answer : group.answers) {
    if (!answer.scored) { continue; }
    if (best == nullptr || answer.reward > best->reward) { best = &answer; }
    if (worst == nullptr || answer.reward < worst->reward) { worst = &answer; }
  }
  Row row = row_of(group, number, Unit::kPair);
  if (best == nullptr || best->reward == worst->reward) { return row; }
  row.sequences = {trained_sequence(*best, options), trained_sequence(*worst, options)};
  row.sequences[0].target = 1;
  row.sequences[1].target = 0;
  row.margin = best->reward - worst->reward;
  row.has_margin = true;
  return row;
}

Row group_row(const rollout::Group& group, std::size_t number, const RoundParts& parts) {
  const bool one_is_enough = parts.method == Method::kPpo;
  Row row = row_of(group, number, Unit::kGroup);
  for (const rollout::Answer& answer : group.answers) {
    if (answer.scored) { row.sequences.push_back(trained_sequence(answer, parts.options)); }
  }
  if (one_is_enough && row.sequences.size() == 1) { row.unit = Unit::kScore; }
  if (row.unit == Unit::kGroup && row.sequences.size() < 2) { row.sequences.clear(); }
  if (parts.reference_rewards != nullptr) {
    const RefRewards& reference = parts.reference_rewards->at(group.index);
    if (reference.raw.empty()) {
      row.sequences.clear();  // a target needs the rank among them
    }
    for (Sequence& sequence : row.sequences) { sequence.ref_rewards = reference; }
  }
  return row;
}

// Drops the sampler's log-probs unless every answer has them: a server may return them for only some.
void level_sampler_logps(std::vector<Row>& rows, const RoundParts& parts) {
  bool complete = true;
  for (const Row& row : rows) {
    for (const Sequence& sequence : row.sequences) {
      complete = complete && sequence.columns.count(kSamplerLogp) > 0;
    }
  }
  if (complete) { return; }
  check_input(
      !parts.needs_sampler_logps,
      "importance_sampling_correction needs the sampler's log-probs, but the sampling endpoint gave answers "
      "without token ids and log-probs");
  for (Row& row : rows) {
    for (Sequence& sequence : row.sequences) { sequence.columns.erase(kSamplerLogp); }
  }
}

}  // namespace

std::vector<Row> rows_of(const std::vector<rollout::Group>& groups, const RoundParts& parts,
                         MetricSums& metrics) {
  std::vector<Row> rows;
  for (const rollout::Group& group : groups) {
    Row row;
    if (!is_flat(group) || parts.options.zero_variance == "keep") {
      row = parts.method == Method::kOnlineDpo ? pair_row(group, rows.size(), parts.options)
                                               : group_row(group, rows.size(), parts);
    }
    metrics.add("groups_left_out", row.sequences.empty() ? 1 : 0);
    if (!row.sequences.empty()) { rows.push_back(std::move(row)); }
  }
  level_sampler_logps(rows, parts);
  return rows;
}

}  // namespace una::online
