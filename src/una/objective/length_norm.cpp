#include "una/objective/length_norm.h"

#include <algorithm>

#include "una/base/error.h"
#include "una/objective/methods.h"
#include "una/objective/rows.h"
#include "una/objective/tensor_operators.h"

namespace una::objective {

LengthNorm::LengthNorm(const std::string& name)
    : is_mean_(choose<bool>("log_ratio_norm", name, {{"sum", false}, {"mean", true}})) {}

void LengthNorm::observe(const std::vector<SequenceMeta>& row) {
  for (const SequenceMeta& sequence : row) {
    tokens_ += static_cast<double>(sequence.loss_tokens());
    answers_ += 1;
  }
}

at::Tensor LengthNorm::apply(const at::Tensor& delta, const std::vector<SequenceMeta>& sequences) const {
  if (!is_mean_) { return delta; }
  check(answers_ > 0, "objective: log_ratio_norm mean before any row was observed");
  std::vector<double> factors;
  for (const SequenceMeta& sequence : sequences) {
    const auto length = static_cast<double>(std::max<std::int64_t>(1, sequence.loss_tokens()));
    factors.push_back(tokens_ / answers_ / length);
  }
  return delta * device_tensor(factors, delta.device());
}

Json LengthNorm::state() const { return {{"tokens", tokens_}, {"answers", answers_}}; }

void LengthNorm::load_state(const Json& state) {
  tokens_ = number_member(state, "tokens", 0, "objective state, mean length");
  answers_ = number_member(state, "answers", 0, "objective state, mean length");
}

}  // namespace una::objective
