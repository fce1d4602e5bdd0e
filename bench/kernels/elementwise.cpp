// Norms, SwiGLU, GeGLU, rope and AdamW: forward and backward, with the bytes that one pass over their tensors
// moves.
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include "bench/kernels/common.h"
#include "una/kernels/adamw.h"
#include "una/kernels/geglu.h"
#include "una/kernels/qk_norm.h"
#include "una/kernels/rms_norm.h"
#include "una/kernels/rope.h"
#include "una/kernels/swiglu.h"

namespace una::bench {
namespace {

using benchmark::State;

template <class Op>
void run(State& state, at::Tensor x, const Op& op, double bytes) {
  x.set_requires_grad(true);
  at::Tensor grad;
  for (auto _ : state) {
    const at::Tensor y = op(x);
    if (!grad.defined()) grad = random(y.sizes(), y.scalar_type());
    y.backward(grad);
    x.mutable_grad() = at::Tensor();
  }
  state.counters["GB/s"] = benchmark::Counter(bytes / 1e9, benchmark::Counter::kIsIterationInvariantRate);
}

void rms_norm(State& state) {
  const kernels::Weight weight{random({kHidden}), {}};
  run(
      state, random({kTokens, kHidden}),
      [&](const at::Tensor& x) { return kernels::rms_norm(x, weight, 1e-5); }, kTokens * kHidden * 2.0 * 5);
}

void swiglu(State& state) {
  run(
      state, random({kTokens, 2 * kInner}), [](const at::Tensor& x) { return kernels::swiglu(x); },
      kTokens * kInner * 2.0 * (3 + 5));
}

void geglu(State& state) {
  run(
      state, random({kTokens, 2 * kInner}),
      [](const at::Tensor& x) { return kernels::geglu(x, kernels::Gelu::kTanh); },
      kTokens * kInner * 2.0 * (3 + 5));
}

void rms_norm_plus_one(State& state) {
  const kernels::Weight weight{random({kHidden}), {}};
  run(
      state, random({kTokens, kHidden}),
      [&](const at::Tensor& x) { return kernels::rms_norm(x, weight, 1e-5, kernels::NormKind::kPlusOne); },
      kTokens * kHidden * 2.0 * 5);
}

void qk_norm(State& state) {
  const kernels::Weight weight{random({kDim}), {}};
  run(
      state, random({kTokens, kHeads + 2 * kKvHeads, kDim}),
      [&](const at::Tensor& x) { return kernels::qk_norm(x, weight, weight, {.kv_heads = kKvHeads}); },
      kTokens * (kHeads + 2 * kKvHeads) * kDim * 2.0 * 5);
}

void rope(State& state) {
  const at::Tensor angle = random({kTokens, kDim / 2}, at::kFloat);
  const at::Tensor cos = angle.cos(), sin = angle.sin();
  run(
      state, random({kTokens, kHeads + 2 * kKvHeads, kDim}),
      [&](const at::Tensor& x) { return kernels::rope(x, cos, sin, kHeads + kKvHeads); },
      kTokens * (kHeads + 2 * kKvHeads) * kDim * 2.0 * 4);
}

void adamw(State& state) {
  const std::int64_t count = 9'800'000;
  at::Tensor param = random({count}, at::kFloat), m = at::zeros({count}), v = at::zeros({count});
  const at::Tensor grad = random({count}, at::kFloat);
  kernels::AdamWParams params;
  for (auto _ : state) {
    kernels::adamw_step(param, grad, m, v, params);
    ++params.step;
  }
  state.counters["GB/s"] = benchmark::Counter(static_cast<double>(count) * 28 / 1e9,
                                              benchmark::Counter::kIsIterationInvariantRate);
}

void plain(benchmark::internal::Benchmark* b) {
  b->MeasureProcessCPUTime()->UseRealTime()->Unit(benchmark::kMillisecond);
}

BENCHMARK(rms_norm)->Apply(plain);
BENCHMARK(rms_norm_plus_one)->Apply(plain);
BENCHMARK(swiglu)->Apply(plain);
BENCHMARK(geglu)->Apply(plain);
BENCHMARK(rope)->Apply(plain);
BENCHMARK(qk_norm)->Apply(plain);
BENCHMARK(adamw)->Apply(plain);

}  // namespace
}  // namespace una::bench
