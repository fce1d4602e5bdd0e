#include "una/train/answer_kernel.h"

#include <algorithm>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include "una/base/rng.h"
#include "una/data/pack.h"

namespace una::train {
namespace {

// Adds the gradient to `out` [buckets]: entry i with a random sign to bucket i mod buckets.
void sketch(const at::Tensor& gradient, std::uint64_t seed, double* out, std::int64_t buckets) {
  const at::Tensor host = gradient.to(at::kCPU, at::kDouble).contiguous();
  const double* values = host.const_data_ptr<double>();
  const bool exact = host.numel() <= buckets;
  std::uint64_t bits = 0;
  for (std::int64_t i = 0; i < host.numel(); ++i) {
    if (i % 64 == 0) {
      bits = random_bits(seed, stream_id("answer kernel"), static_cast<std::uint64_t>(i / 64));
    }
    const bool minus = !exact && ((bits >> (i % 64)) & 1) != 0;
    out[i % buckets] += minus ? -values[i] : values[i];
  }
}

}  // namespace

at::Tensor answer_kernel(StepRunner& runner, const std::vector<Sequence>& answers, std::uint64_t seed) {
  const c10::AutoGradMode with_grad(true);
  FlatBuffer& buffer = runner.buffer();
  TrainableSet& set = runner.set();
  const auto n = static_cast<std::int64_t>(answers.size());
  const std::int64_t buckets = std::min(kSketch, buffer.size());
  at::Tensor sketches = at::zeros({n, buckets}, at::kDouble);
  for (std::int64_t i = 0; i < n; ++i) {
    Row row;
    row.sequences.push_back(answers[static_cast<std::size_t>(i)]);
    buffer.zero_grads();
    for (const PackedBatch& batch : data::pack_rows({std::move(row)}, {})) {
      const at::Tensor logp = set.model->forward(batch, {}, {.adapter = set.policy}).logp;
      logp.backward(at::ones_like(logp));
    }
    sketch(buffer.grads(), seed, sketches.mutable_data_ptr<double>() + i * buckets, buckets);
  }
  buffer.zero_grads();
  const c10::AutoGradMode no_grad(false);
  return sketches.mm(sketches.t());
}

}  // namespace una::train
