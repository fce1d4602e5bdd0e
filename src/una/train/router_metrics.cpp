#include "una/train/router_metrics.h"

#include <ATen/ops/max.h>
#include <ATen/ops/sum.h>

#include "una/base/format.h"

namespace una::train {

void add_router_metrics(const model::RouterReport& report, double tokens, MetricSums& metrics) {
  if (!report.tokens.defined()) { return; }
  const auto experts = static_cast<double>(report.tokens.size(1));
  const auto layers = static_cast<double>(report.tokens.size(0));
  const auto choices = report.tokens.sum().item<double>();
  if (choices == 0) { return; }
  const at::Tensor all = at::sum(report.tokens, {0}).mul(experts / choices);
  for (std::int64_t e = 0; e < all.numel(); ++e) {
    metrics.add(cat("expert_load/", e), tokens * all[e].item<double>(), tokens);
  }
  metrics.add_max("expert_load/max", at::max(report.tokens).item<double>() * experts * layers / choices);
  metrics.add("aux_loss", tokens * report.aux_loss, tokens);
}

}  // namespace una::train
