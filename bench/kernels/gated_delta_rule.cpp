// The gated delta rule in the shape of Qwen3.5-9B's layers: 16 key heads and 32 value heads of 128.
#include "una/kernels/mixers/gated_delta_rule.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include "bench/kernels/common.h"

namespace una::bench {
namespace {

using benchmark::State;

constexpr DeltaRuleSpec kShape = {
    .num_key_heads = 16, .num_value_heads = 32, .key_head_dim = 128, .value_head_dim = 128};
constexpr std::int64_t kColumns = 2 * 16 * 128 + 32 * 128;

void rule(State& state, at::ScalarType type, bool with_backward) {
  const auto length = static_cast<std::int32_t>(state.range(0)),
             count = static_cast<std::int32_t>(state.range(1));
  const std::int64_t tokens = length * count;
  at::Tensor qkv = random({tokens, kColumns}, type).set_requires_grad(with_backward);
  const at::Tensor decay = at::full({tokens, 32}, -0.1, at::kFloat),
                   beta = at::full({tokens, 32}, 0.5, at::kFloat);
  const auto plan = std::make_shared<kernels::DeltaPlan>(kernels::delta_plan(packed(length, count), tokens));
  at::Tensor grad;
  for (auto _ : state) {
    const at::Tensor y = kernels::gated_delta_rule(qkv, decay, beta, kShape, plan);
    if (!with_backward) { continue; }
    if (!grad.defined()) { grad = random(y.sizes(), type); }
    y.backward(grad);
    qkv.mutable_grad() = at::Tensor();
  }
  state.SetItemsProcessed(state.iterations() * tokens);
}

// One token of each of `batch` sequences.
void decode(State& state) {
  const at::NoGradGuard guard;
  const std::int64_t batch = state.range(0);
  const at::Tensor qkv = random({batch, kColumns}), states = at::zeros({batch, 32, 128, 128}, at::kFloat);
  const at::Tensor decay = at::full({batch, 32}, -0.1, at::kFloat),
                   beta = at::full({batch, 32}, 0.5, at::kFloat);
  kernels::DeltaPlan plan{.states = batch};
  for (std::int64_t i = 0; i < batch; ++i) {
    plan.trees.push_back(i);
    plan.runs.push_back({i, i + 1, i, i});
  }
  for (auto _ : state) {
    benchmark::DoNotOptimize(kernels::cached_gated_delta_rule(qkv, decay, beta, kShape, plan, states));
  }
  state.SetItemsProcessed(state.iterations() * batch);
}

BENCHMARK_CAPTURE(rule, forward, at::kFloat, false)->Args({1024, 1})->Args({64, 16});
BENCHMARK_CAPTURE(rule, both, at::kFloat, true)->Args({1024, 1})->Args({64, 16});
BENCHMARK_CAPTURE(rule, both_bf16, at::kBFloat16, true)->Args({1024, 1});
BENCHMARK(decode)->Arg(1)->Arg(8);

}  // namespace
}  // namespace una::bench
