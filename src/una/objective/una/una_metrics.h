#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "una/core/loss.h"
#include "una/core/packed_batch.h"

namespace una::objective {

// Adds rewards/mean over all answers, and the sums for una/score_corr, the correlation of beta Delta with the
// targets of labelled and scored answers.
void add_score_metrics(const std::vector<SequenceMeta>& sequences, const std::vector<double>& reward,
                       MetricSums& metrics);

void add_residual(std::int32_t source, double residual, MetricSums& metrics);  // una/residual
// Adds residual e and target t (in a group: its distance from the group's mean) for the explained variance.
void add_fit(double e, double t, MetricSums& metrics);

void add_saturation(double u, MetricSums& metrics);  // una/saturated

// common_derived plus una/score_corr, and una/residual/<source> when the window has several sources.
std::map<std::string, double> una_derived(const MetricSums& window);

}  // namespace una::objective
