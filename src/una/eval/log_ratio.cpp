#include "una/eval/log_ratio.h"

#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/sum.h>
#include <c10/core/GradMode.h>

#include "una/data/pack.h"

namespace una::eval {

at::Tensor token_logps(const PolicyUse& policy, const PackedBatch& batch) {
  const c10::AutoGradMode no_grad(false);
  return policy.model->forward(batch, {}, {.adapter = policy.adapter}).logp.to(at::kDouble);
}

std::vector<AnswerLogp> answer_logps(const at::Tensor& policy, const at::Tensor& reference,
                                     const PackedBatch& batch) {
  const c10::AutoGradMode no_grad(false);
  const at::Tensor difference = policy - reference;
  std::vector<AnswerLogp> out;
  for (const SequenceMeta& meta : batch.sequences) {
    const std::int64_t tokens = meta.loss_tokens();
    const auto sum_of = [&](const at::Tensor& all) {
      return all.narrow(0, meta.logp_begin, tokens).sum().item<double>();
    };
    out.push_back({sum_of(policy), sum_of(reference), sum_of(difference), tokens});
  }
  return out;
}

std::vector<AnswerLogp> answer_logps(const PolicyUse& policy, const PolicyUse& reference,
                                     const PackedBatch& batch) {
  return answer_logps(token_logps(policy, batch), token_logps(reference, batch), batch);
}

double total_log_ratio(const PolicyUse& policy, const PolicyUse& reference,
                       const std::vector<Sequence>& sequences) {
  std::vector<Row> rows;
  for (const Sequence& sequence : sequences) {
    Row row;
    row.sequences.push_back(sequence);
    rows.push_back(std::move(row));
  }
  double total = 0;
  for (const PackedBatch& batch : data::pack_rows(rows, {.token_budget = 4096})) {
    total +=
        token_logps(policy, batch).sum().item<double>() - token_logps(reference, batch).sum().item<double>();
  }
  return total;
}

}  // namespace una::eval
