#include "una/run/measured_targets.h"

#include <algorithm>
#include <cmath>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/log.h"
#include "una/data/pack.h"
#include "una/setup/methods.h"
#include "una/setup/target_scale.h"

namespace una::run {
namespace {

setup::TargetScale targets_of(const setup::RunConfig& config, const data::Dataset& rows) {
  constexpr std::int64_t kMeasuredRows = 4000;
  setup::TargetScale targets(setup::find_method(config.method).objective, config.objective);
  const std::int64_t size = rows.size(), measured = std::min(size, kMeasuredRows);
  for (std::int64_t i = 0; i < measured; ++i) { targets.add(data::table_of(rows.row(i * size / measured))); }
  return targets;
}

}  // namespace

void check_target_kl(const objective::ObjectiveOptions& options, bool is_online) {
  check_input(options.target_kl >= 0 && std::isfinite(options.target_kl),
              "target_kl must be 0 (beta as given) or a positive number of nats, not ", options.target_kl);
  check_input(
      !is_online || options.target_kl == 0,
      "target_kl follows from feedback that is there before the run; an online method has --kl_budget");
}

void measure_targets(setup::RunConfig& config, const data::Dataset& rows,
                     std::unique_ptr<objective::Objective>& objective) {
  const std::string& loss = setup::find_method(config.method).objective;
  setup::TargetScale targets = targets_of(config, rows);
  if (const double kl = config.objective.target_kl; kl > 0) {
    config.objective.beta = targets.beta_for(kl);
    log_info(
        cat("beta       ", significant(config.objective.beta, 4), " from target_kl ", significant(kl, 3)));
    objective = objective::make_objective(loss, config.objective);
    targets = targets_of(config, rows);
  }
  for (const std::string& line : targets.lines()) { log_info(line); }
  const std::string warning = setup::unbalanced_warning(loss, config.objective, targets);
  if (!warning.empty()) { log_warning(warning); }
}

}  // namespace una::run
