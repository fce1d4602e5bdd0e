#pragma once

#include "una/base/json.h"
#include "una/study/grid/cells.h"

namespace una::study {

// Trains one cell on its seed's answers, measures it and returns what its file holds:
//   id, settings, una (version), method's seconds and peak_mb
//   rho, rho_ci95, gold_sd, log_mean_exp_ratio, calibrated_beta, pair_accuracy, reliability: on the start model's
//     answers to held-out prompts (eval/efficiency.h)
//   frontier: for each adapter scale its scale, kl, gain, and both by prompt (gains, log_ratios)
//   loss_variance, loss_variance_relative; curve: [[step, rho]] of its checkpoints, where there are any
// Works in cells/ID under the study's folder and removes it. InputError where the training fails.
Json run_cell(const StudyOptions& options, const Cell& cell);

}  // namespace una::study
