#include "una/eval/log_ratio.h"

#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/sum.h>
#include <c10/core/GradMode.h>

#include "una/data/pack.h"

namespace una::eval {

double total_log_ratio(const PolicyUse& policy, const PolicyUse& reference,
                       const std::vector<Sequence>& sequences) {
  const c10::AutoGradMode no_grad(false);
  std::vector<Row> rows;
  for (const Sequence& sequence : sequences) {
    Row row;
    row.sequences.push_back(sequence);
    rows.push_back(std::move(row));
  }
  const auto sum_of = [](const PolicyUse& use, const PackedBatch& batch) {
    return use.model->forward(batch, {}, {.adapter = use.adapter}).logp.sum(at::kDouble).item<double>();
  };
  double total = 0;
  for (const PackedBatch& batch : data::pack_rows(rows, {.token_budget = 4096})) {
    total += sum_of(policy, batch) - sum_of(reference, batch);
  }
  return total;
}

}  // namespace una::eval
