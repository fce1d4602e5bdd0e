#pragma once

#include <string>
#include <vector>

#include "una/base/json.h"
#include "una/study/grid/cells.h"

namespace una::study {

// What the cells say, from their JSON alone (`results` in the order of `cells`):
//   {"seeds", "baseline", "kl", "margin", "noises": [{"task", "noise", "arms": [...]}]}, and for each arm with both factors 1
//   name, title, control; rho, gain, kl, pair_accuracy, calibrated_beta, log_mean_exp_ratio, seconds, peak_mb,
//     loss_variance_relative, steps_to_90: {"mean", "half_width", "values"} over seeds (Student's t)
//   gain_at_kl, gain_difference: {"mean", "low", "high"} or null where a seed's policies do not reach the KL; every beta
//     and scale of the arm is one of its policies
//   rho_difference to the baseline: {"mean", "half_width", "p", "p_holm", "verdict"}; Holm's correction is over the
//     arms of a noise without controls
//   law: gain / (rho sd sqrt(2 KL)) of each policy with a KL between 0.05 and 0.5
//   frontier: [[kl, gain], ...] by scale, means over seeds
Json summarise(const StudyOptions& options, const std::vector<Cell>& cells, const std::vector<Json>& results);

// Tables in Markdown.
std::string summary_tables(const Json& summary);

}  // namespace una::study
