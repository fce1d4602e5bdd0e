#include "una/objective/objective.h"

#include <numeric>

#include "una/base/error.h"
#include "una/objective/metrics.h"

namespace una::objective {

std::vector<double> Objective::weights(const std::vector<double>& counts) const {
  const double total = std::accumulate(counts.begin(), counts.end(), 0.0);
  std::vector<double> out(counts.size(), 0.0);
  for (std::size_t k = 0; k < counts.size(); ++k) { out[k] = total > 0 ? counts[k] / total : 0; }
  return out;
}

void Objective::observe(const std::vector<SequenceMeta>&) {}

std::vector<double> Objective::pilot_rewards(const std::vector<SequenceMeta>&) const { return {}; }

void Objective::set_prompt_ratio(double) {}

void Objective::begin_step(double, double) {}

void Objective::end_step(const MetricSums&) {}

std::map<std::string, double> Objective::derived(const MetricSums& window) const {
  return common_derived(window);
}

void Objective::load_state(const Json& state) {
  check_input(state.is_null() || state.empty(),
              "the checkpoint holds a state of the objective, but this method keeps none: it was written by "
              "another method");
}

}  // namespace una::objective
