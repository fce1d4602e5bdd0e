#include "una/run/plan/mfu.h"

#include "una/run/plan/operation_count.h"
#include "una/run/plan/product_rate.h"

namespace una::run {

void count_operations(const setup::RunConfig& config, const RunPlan& plan, const model::Model& model,
                      std::int64_t ranks, train::LoopParts& parts) {
  const double rate =
      remembered_product_rate(model.spec(), model.dtype(), plan.largest.tokens, model.device());
  parts.operations_per_second = static_cast<double>(ranks) * rate;
  parts.operations = [counted = operation_count(config, model.spec(), plan.model)](const StepBatch& batch) {
    const Work work = work_of(batch);
    return counted.training(work) + counted.mismatched(work);
  };
}

}  // namespace una::run
