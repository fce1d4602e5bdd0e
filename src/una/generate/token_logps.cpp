#include "una/generate/token_logps.h"

#include <algorithm>

#include <ATen/Parallel.h>

#include "una/base/error.h"

namespace una::generate {
namespace {

// The k largest of a row by insertion: k is small, and few logits pass the smallest kept one.
std::vector<TopLogp> largest(std::span<const float> logits, std::size_t k) {
  std::vector<TopLogp> top;
  if (k == 0) { return top; }
  top.reserve(k + 1);
  for (std::size_t id = 0; id < logits.size(); ++id) {
    if (top.size() == k && !(logits[id] > top.back().logp)) { continue; }
    const auto behind = std::upper_bound(top.begin(), top.end(), logits[id],
                                         [](float logit, const TopLogp& kept) { return logit > kept.logp; });
    top.insert(behind, {static_cast<std::int32_t>(id), logits[id]});
    if (top.size() > k) { top.pop_back(); }
  }
  return top;
}

// 1 + the number of larger logits.
std::int32_t rank_of(std::span<const float> logits, float logit) {
  const auto larger = std::count_if(logits.begin(), logits.end(), [&](float other) { return other > logit; });
  return static_cast<std::int32_t>(1 + larger);
}

TokenLogps row_logps(std::span<const float> logits, std::int32_t target, std::int64_t k) {
  const kernels::SoftmaxRow row =
      kernels::softmax_row(logits.data(), nullptr, static_cast<std::int64_t>(logits.size()), 1);
  TokenLogps out{.logp = static_cast<float>(log_prob(logits[static_cast<std::size_t>(target)], row)),
                 .rank = rank_of(logits, logits[static_cast<std::size_t>(target)]),
                 .top = largest(logits, static_cast<std::size_t>(k))};
  check_logp(out.logp);
  for (TopLogp& each : out.top) { each.logp = static_cast<float>(log_prob(each.logp, row)); }
  return out;
}

}  // namespace

void check_logp(double logp) {
  check_input(
      std::isfinite(logp),
      "the model's logits are not finite (NaN or infinity): a weight of it or of its adapter is NaN, infinite or "
      "too large, or lora_alpha is");
}

std::vector<TokenLogps> token_logps(const at::Tensor& logits, std::span<const std::int32_t> targets,
                                    std::int64_t k) {
  check(logits.dim() == 2 && logits.size(0) == static_cast<std::int64_t>(targets.size()),
        "token_logps: one target a row of logits");
  check(k >= 0 && k <= kMostTop, "token_logps: k is out of range");
  const at::Tensor rows = logits.contiguous();
  const auto vocabulary = static_cast<std::size_t>(rows.size(1));
  const float* data = rows.const_data_ptr<float>();
  std::vector<TokenLogps> out(targets.size());
  at::parallel_for(0, rows.size(0), 1 + (1 << 16) / rows.size(1), [&](std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      check_input(targets[i] >= 0 && static_cast<std::size_t>(targets[i]) < vocabulary, "token id ",
                  targets[i], " is outside the head's vocabulary of ", vocabulary);
      out[i] = row_logps({data + i * vocabulary, vocabulary}, targets[i], k);
    }
  });
  return out;
}

}  // namespace una::generate
