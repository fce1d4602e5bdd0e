#include <limits>

#include "una/objective/methods.h"
#include "una/objective/metrics.h"
#include "una/objective/rows.h"
#include "una/objective/sequence_sums.h"
#include "una/objective/tensor_operators.h"

namespace una::objective {
namespace {

// Supervised fine-tuning: the sum of w * (-log pi) over the loss tokens, divided by their number T.
class Sft final : public Objective {
 public:
  Needs needs() const override { return {}; }
  bool accepts(Unit unit) const override { return unit == Unit::kSft; }

  std::vector<double> count(const std::vector<SequenceMeta>& sequences) const override {
    double tokens = 0;
    for (const SequenceMeta& sequence : sequences) { tokens += static_cast<double>(sequence.loss_tokens()); }
    return {tokens};
  }

  LossTerms terms(const ObjectiveInput& input) const override {
    const at::Tensor logp = log_ratios(input, false).policy;
    std::vector<double> weights;
    for (const SequenceMeta& sequence : *input.sequences) { weights.push_back(sequence.weight); }
    LossTerms out;
    out.sums = {-logp.dot(device_tensor(weights, logp.device()))};
    add_statistics(input, out.metrics);
    return out;
  }

  double loss_at_reference(const std::vector<SequenceMeta>&) const override {
    return std::numeric_limits<double>::quiet_NaN();
  }
};

}  // namespace

std::unique_ptr<Objective> make_sft(const ObjectiveOptions&) { return std::make_unique<Sft>(); }

}  // namespace una::objective
