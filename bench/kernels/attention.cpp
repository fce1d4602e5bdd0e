// Attention against ATen's scaled_dot_product_attention: packed sequences, a demo batch of short ones,
// decode.
#include "una/kernels/attention.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/scaled_dot_product_attention.h>

#include "bench/kernels/common.h"

namespace una::bench {
namespace {

using benchmark::State;

at::Tensor ours(const at::Tensor& qkv, std::int64_t kv_heads, std::int32_t length, std::int32_t count) {
  return kernels::attention_packed(qkv, kv_heads, packed(length, count), {.scale = 0.125});
}

at::Tensor aten(const at::Tensor& qkv, std::int64_t kv_heads, std::int32_t length, std::int32_t count) {
  const std::int64_t heads = qkv.size(1) - 2 * kv_heads;
  const at::Tensor all = qkv.view({count, length, qkv.size(1), qkv.size(2)}).transpose(1, 2);
  return at::scaled_dot_product_attention(all.narrow(1, 0, heads), all.narrow(1, heads, kv_heads),
                                          all.narrow(1, heads + kv_heads, kv_heads), {}, 0, true, 0.125,
                                          true);
}

template <class Op>
void forward(State& state, Op op, std::int64_t heads, std::int64_t kv_heads, std::int64_t dim,
             at::ScalarType type) {
  const auto length = static_cast<std::int32_t>(state.range(0)),
             count = static_cast<std::int32_t>(state.range(1));
  const at::NoGradGuard guard;
  const at::Tensor qkv = random({length * count, heads + 2 * kv_heads, dim}, type);
  for (auto _ : state) benchmark::DoNotOptimize(op(qkv, kv_heads, length, count));
}

template <class Op>
void both(State& state, Op op, std::int64_t heads, std::int64_t kv_heads, std::int64_t dim,
          at::ScalarType type) {
  const auto length = static_cast<std::int32_t>(state.range(0)),
             count = static_cast<std::int32_t>(state.range(1));
  at::Tensor qkv = random({length * count, heads + 2 * kv_heads, dim}, type).set_requires_grad(true);
  at::Tensor grad;
  for (auto _ : state) {
    const at::Tensor y = op(qkv, kv_heads, length, count);
    if (!grad.defined()) grad = random(y.sizes(), type);
    y.backward(grad);
    qkv.mutable_grad() = at::Tensor();
  }
}

void decode_ours(State& state) {
  const at::NoGradGuard guard;
  const auto keys = static_cast<std::int32_t>(state.range(0)),
             batch = static_cast<std::int32_t>(state.range(1));
  const at::Tensor q = random({batch, kHeads, kDim});
  const at::Tensor k = random({keys * batch, kKvHeads, kDim}), v = random({keys * batch, kKvHeads, kDim});
  std::vector<Segment> segments;
  for (std::int32_t i = 0; i < batch; ++i) segments.push_back({i, i + 1, {{i * keys, (i + 1) * keys}}});
  for (auto _ : state) benchmark::DoNotOptimize(kernels::attention(q, k, v, segments, {.scale = 0.125}));
}

void decode_aten(State& state) {
  const at::NoGradGuard guard;
  const std::int64_t keys = state.range(0), batch = state.range(1);
  const at::Tensor q = random({batch, kHeads, 1, kDim});
  const at::Tensor k = random({batch, kKvHeads, keys, kDim}), v = random({batch, kKvHeads, keys, kDim});
  for (auto _ : state) {
    benchmark::DoNotOptimize(at::scaled_dot_product_attention(q, k, v, {}, 0, false, 0.125, true));
  }
}

void shapes(benchmark::internal::Benchmark* b) {
  b->Args({330, 2})->Args({420, 2})->Args({1024, 1})->MeasureProcessCPUTime()->UseRealTime()->Unit(
      benchmark::kMillisecond);
}
void demo(benchmark::internal::Benchmark* b) {
  b->Args({40, 64})->MeasureProcessCPUTime()->UseRealTime()->Unit(benchmark::kMillisecond);
}
void decode(benchmark::internal::Benchmark* b) {
  b->Args({512, 1})->Args({512, 32})->MeasureProcessCPUTime()->UseRealTime()->Unit(benchmark::kMillisecond);
}

BENCHMARK_CAPTURE(forward, ours, ours, kHeads, kKvHeads, kDim, at::kBFloat16)->Apply(shapes);
BENCHMARK_CAPTURE(forward, aten, aten, kHeads, kKvHeads, kDim, at::kBFloat16)->Apply(shapes);
BENCHMARK_CAPTURE(both, ours, ours, kHeads, kKvHeads, kDim, at::kBFloat16)->Apply(shapes);
BENCHMARK_CAPTURE(both, aten, aten, kHeads, kKvHeads, kDim, at::kBFloat16)->Apply(shapes);
BENCHMARK_CAPTURE(both, demo_ours, ours, 4, 2, 32, at::kFloat)->Apply(demo);
BENCHMARK_CAPTURE(both, demo_aten, aten, 4, 2, 32, at::kFloat)->Apply(demo);
BENCHMARK(decode_ours)->Apply(decode);
BENCHMARK(decode_aten)->Apply(decode);

}  // namespace
}  // namespace una::bench
