#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/autograd.h>

#include "una/base/error.h"
#include "una/objective/methods.h"
#include "una/objective/rows.h"
#include "una/objective/tensor_operators.h"

namespace una::objective {
namespace {

at::Tensor leaf(const at::Tensor& values) {
  return values.defined() ? values.detach().to(at::kDouble).clone().requires_grad_() : values;
}

at::Tensor gradient(const at::Tensor& values, at::Tensor& found) {
  const at::Tensor out =
      found.defined() ? found : at::zeros_like(values, values.options().requires_grad(false));
  return out.detach().to(at::kFloat);
}

void differentiate(const at::Tensor& loss, const ObjectiveInput& leaves, Evaluation& out) {
  std::vector<at::Tensor> inputs;
  if (leaves.logp.defined()) { inputs.push_back(leaves.logp); }
  if (leaves.score.defined()) { inputs.push_back(leaves.score); }
  if (leaves.token_value.defined()) { inputs.push_back(leaves.token_value); }
  if (leaves.value.defined()) { inputs.push_back(leaves.value); }
  std::vector<at::Tensor> gradients(inputs.size());
  if (loss.defined() && loss.requires_grad()) {
    gradients = torch::autograd::grad({loss}, inputs, {}, false, false, /*allow_unused=*/true);
  }
  std::size_t next = 0;
  if (leaves.logp.defined()) { out.dlogp = gradient(leaves.logp, gradients[next++]); }
  if (leaves.score.defined()) { out.dscore = gradient(leaves.score, gradients[next++]); }
  if (leaves.token_value.defined()) { out.dtoken_value = gradient(leaves.token_value, gradients[next++]); }
  if (leaves.value.defined()) { out.dvalue = gradient(leaves.value, gradients[next]); }
}

}  // namespace

Evaluation evaluate(const Objective& objective, const ObjectiveInput& input,
                    const std::vector<double>& scales) {
  const at::AutoGradMode grad_mode(true);
  const Objective::Needs needs = objective.needs();
  ObjectiveInput leaves = input;
  leaves.logp = needs.logp ? leaf(input.logp) : at::Tensor();
  leaves.score = needs.score ? leaf(input.score) : at::Tensor();
  leaves.token_value = needs.token_values ? leaf(input.token_value) : at::Tensor();
  leaves.value = needs.value ? leaf(input.value) : at::Tensor();
  LossTerms terms = objective.terms(leaves);
  check(terms.sums.size() == objective.parts().size() && scales.size() == terms.sums.size(),
        "objective: one sum and one scale a part");
  Evaluation out;
  at::Tensor loss;
  for (std::size_t k = 0; k < scales.size(); ++k) {
    out.sums.push_back(host_values(terms.sums[k].reshape({1})).front());
    if (scales[k] == 0) {
      continue;  // 0 * inf would be NaN
    }
    const at::Tensor term = scales[k] * terms.sums[k];
    loss = loss.defined() ? loss + term : term;
  }
  differentiate(loss, leaves, out);
  out.metrics = std::move(terms.metrics);
  return out;
}

double loss_of_equal_policies(const Objective& objective, const std::vector<SequenceMeta>& sequences) {
  const at::AutoGradMode grad_mode(false);
  std::int64_t tokens = 0;
  for (const SequenceMeta& sequence : sequences) { tokens = std::max(tokens, sequence.logp_end); }
  ObjectiveInput input;
  input.sequences = &sequences;
  input.logp = at::zeros({tokens}, at::TensorOptions().dtype(at::kDouble));
  input.ref_logp = input.logp;
  const LossTerms terms = objective.terms(input);
  const std::vector<double> counts = objective.count(sequences);
  const std::vector<double> weights = objective.weights(counts);
  double loss = 0;
  for (std::size_t k = 0; k < counts.size(); ++k) {
    if (counts[k] > 0) { loss += weights[k] * host_values(terms.sums[k].reshape({1})).front() / counts[k]; }
  }
  return loss;
}

}  // namespace una::objective
