#include "una/objective/una/una_clip.h"

#include "una/objective/methods.h"
#include "una/objective/policy/policy_ratio.h"
#include "una/objective/rows.h"
#include "una/objective/sequence_sums.h"
#include "una/objective/tensor_operators.h"

namespace una::objective {

UnaClip::UnaClip(const ObjectiveOptions& options)
    : level_(
          choose<Level>("una_clip", options.una_clip,
                        {{"none", Level::kNone}, {"sequence", Level::kSequence}, {"token", Level::kToken}})),
      low_(options.epsilon),
      high_(upper_clip(options)) {}

bool UnaClip::applies(const ObjectiveInput& input) const {
  return level_ != Level::kNone && input.columns != nullptr && input.columns->count("old_logp") > 0;
}

at::Tensor UnaClip::surrogate(const at::Tensor& slope, const ObjectiveInput& input,
                              MetricSums& metrics) const {
  const at::Tensor moved = input.logp.to(at::kDouble) - old_logps(input);
  const bool whole = level_ == Level::kSequence;
  const at::Tensor ratio = ratio_of(whole ? sequence_sums(moved, *input.sequences) : moved);
  const at::Tensor advantage = -(whole ? slope : each_token(slope, input));
  const at::Tensor clipped = clipped_entries(ratio.detach(), advantage, low_, high_);
  metrics.add("clip_ratio", host_values(clipped.sum().reshape({1})).front(),
              static_cast<double>(clipped.numel()));
  const at::Tensor losses = clipped_surrogate(ratio, advantage, low_, high_);
  return whole ? losses : sequence_sums(losses, *input.sequences);
}

}  // namespace una::objective
