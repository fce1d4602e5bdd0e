// The linears with and without adapters, and the log-prob head.
#include <ATen/ops/linear.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/randint.h>

#include "bench/kernels/common.h"
#include "una/kernels/linear_logps.h"
#include "una/kernels/lora_linear.h"
#include "una/kernels/product.h"

namespace una::bench {
namespace {

using benchmark::State;

std::vector<kernels::LinearPart> parts_of(const std::vector<std::int64_t>& outs, std::int64_t in, bool lora) {
  std::vector<kernels::LinearPart> parts;
  for (const std::int64_t out : outs) {
    kernels::LinearPart part{.out = out};
    if (lora) {
      const at::Tensor a = random({kRank, in}, at::kFloat, 0.05).set_requires_grad(true);
      const at::Tensor b = random({out, kRank}, at::kFloat, 0.05).set_requires_grad(true);
      part.adapters.push_back(
          {{a.detach().to(at::kBFloat16), a}, {b.detach().to(at::kBFloat16), b}, 0.5, 0, 0});
    }
    parts.push_back(part);
  }
  return parts;
}

void linear(State& state, const std::vector<std::int64_t>& outs, std::int64_t in, bool lora) {
  const auto parts = parts_of(outs, in, lora);
  std::int64_t out = 0;
  for (const std::int64_t rows : outs) out += rows;
  at::Tensor x = random({kTokens, in}).set_requires_grad(true);
  const at::Tensor weight = random({out, in}, at::kBFloat16, 0.05), grad = random({kTokens, out});
  for (auto _ : state) {
    kernels::stacked_linear(x, weight, {}, parts).backward(grad);
    x.mutable_grad() = at::Tensor();
  }
  const double work = 2.0 * kTokens * static_cast<double>(in) * static_cast<double>(out) * 2;
  state.counters["GFLOP/s"] = benchmark::Counter(work / 1e9, benchmark::Counter::kIsIterationInvariantRate);
}

// A decoding step's product: rows, inputs, outputs. Its bound is reading the weight (few rows) or the
// products.
void product(State& state, bool ours) {
  const at::Tensor x = random({state.range(0), state.range(1)});
  const at::Tensor weight = random({state.range(2), state.range(1)}, at::kBFloat16, 0.05);
  for (auto _ : state) {
    benchmark::DoNotOptimize(ours ? kernels::product(x, weight) : at::linear(x, weight));
  }
  const auto count = static_cast<double>(weight.numel());
  const auto rate = benchmark::Counter::kIsIterationInvariantRate;
  state.counters["GB/s"] = benchmark::Counter(2 * count / 1e9, rate);
  state.counters["GFLOP/s"] = benchmark::Counter(2 * count * static_cast<double>(state.range(0)) / 1e9, rate);
}

void head_ours(State& state) {
  const std::int64_t rows = state.range(0);
  at::Tensor hidden = random({rows, kHidden}).set_requires_grad(true);
  const kernels::Weight weight{random({kVocab, kHidden}, at::kBFloat16, 0.05), {}};
  const at::Tensor targets = at::randint(0, kVocab, {rows}, at::kLong);
  for (auto _ : state) {
    kernels::linear_logps(hidden, weight, targets, {}, {.chunk_rows = state.range(1)}).logp.sum().backward();
    hidden.mutable_grad() = at::Tensor();
  }
}

void head_aten(State& state) {
  const std::int64_t rows = state.range(0);
  at::Tensor hidden = random({rows, kHidden}).set_requires_grad(true);
  const at::Tensor weight = random({kVocab, kHidden}, at::kBFloat16, 0.05);
  const at::Tensor targets = at::randint(0, kVocab, {rows, 1}, at::kLong);
  for (auto _ : state) {
    at::log_softmax(at::linear(hidden, weight).to(at::kFloat), -1).gather(1, targets).sum().backward();
    hidden.mutable_grad() = at::Tensor();
  }
}

void plain(benchmark::internal::Benchmark* b) {
  b->MeasureProcessCPUTime()->UseRealTime()->Unit(benchmark::kMillisecond);
}

using Outs = std::vector<std::int64_t>;
const Outs kQkv{576, 192, 192}, kGateUp{kInner, kInner}, kSame{kHidden};
BENCHMARK_CAPTURE(linear, qkv, kQkv, kHidden, false)->Apply(plain);
BENCHMARK_CAPTURE(linear, qkv_lora, kQkv, kHidden, true)->Apply(plain);
BENCHMARK_CAPTURE(linear, gate_up, kGateUp, kHidden, false)->Apply(plain);
BENCHMARK_CAPTURE(linear, gate_up_lora, kGateUp, kHidden, true)->Apply(plain);
BENCHMARK_CAPTURE(linear, down, kSame, kInner, false)->Apply(plain);
BENCHMARK_CAPTURE(linear, down_lora, kSame, kInner, true)->Apply(plain);
void product_shapes(benchmark::internal::Benchmark* b) {
  for (const std::int64_t rows : {1, 4, 16, 32, 64, 128}) {
    b->Args({rows, kHidden, 2 * kInner})->Args({rows, kInner, kHidden})->Args({rows, kHidden, kVocab});
  }
}
BENCHMARK_CAPTURE(product, ours, true)->Apply(product_shapes)->Apply(plain);
BENCHMARK_CAPTURE(product, aten, false)->Apply(product_shapes)->Apply(plain);
BENCHMARK(head_ours)->Args({612, 128})->Args({612, 256})->Apply(plain);
BENCHMARK(head_aten)->Args({612, 612})->Apply(plain);

}  // namespace
}  // namespace una::bench
