#include "una/run/plan/product_rate.h"

#include <algorithm>
#include <bit>
#include <map>
#include <mutex>
#include <tuple>

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/mm.h>
#include <c10/core/GradMode.h>

#include "una/base/clock.h"

namespace una::run {
namespace {

constexpr std::int64_t kMostNumbers = 1 << 25;  // of a matrix; larger ones are cut, since they are not faster

// Numbers that a card multiplies as it does those of a model; zeros are faster.
at::Tensor numbers(std::int64_t rows, std::int64_t columns, at::ScalarType dtype, at::Device device) {
  return at::arange(rows * columns, at::TensorOptions(at::kFloat).device(device))
      .sin_()
      .view({rows, columns})
      .to(dtype);
}

// Columns of the matrices between the hidden states and what is inside of the feed-forward layer, or of an expert.
std::int64_t inner_size(const ModelSpec& spec) {
  const std::int64_t inner = spec.moe.num_experts > 0 ? spec.moe.expert_size : spec.intermediate_size;
  return std::clamp<std::int64_t>(inner, 1, std::max<std::int64_t>(1, kMostNumbers / spec.hidden_size));
}

// Rows of the product that is measured: an expert's share of them, within what is worth measuring.
std::int64_t measured_rows(const ModelSpec& spec, double rows) {
  const MoeSpec& moe = spec.moe;
  if (moe.num_experts > 0) {
    rows *= static_cast<double>(moe.experts_per_token) / static_cast<double>(moe.num_experts);
  }
  return std::clamp<std::int64_t>(static_cast<std::int64_t>(rows), 16, 2048);
}

}  // namespace

double product_rate(const ModelSpec& spec, at::ScalarType dtype, double rows, double seconds,
                    at::Device device) {
  constexpr int kLeastTries = 3, kWantedTries = 20;
  const c10::AutoGradMode no_grad(false);
  const std::int64_t tokens = measured_rows(spec, rows);
  const std::int64_t inner = inner_size(spec);
  const at::Tensor x = numbers(tokens, spec.hidden_size, dtype, device);
  const at::Tensor up = numbers(spec.hidden_size, inner, dtype, device);
  const at::Tensor down = numbers(inner, spec.hidden_size, dtype, device);
  // One number is read, since a card only then has finished.
  const auto once = [&] { return at::mm(at::mm(x, up), down)[0][0].item<double>(); };
  once();  // primitives and packed weights are made at the first call
  const double begin = monotonic_seconds();
  double best = 1e30, spent = 0;
  for (int tries = 0;
       spent < seconds || tries < kLeastTries || (tries < kWantedTries && spent < 10 * seconds); ++tries) {
    const double start = monotonic_seconds();
    once();
    best = std::min(best, monotonic_seconds() - start);
    spent = monotonic_seconds() - begin;
  }
  return 4 * static_cast<double>(tokens * spec.hidden_size * inner) / best;
}

double remembered_product_rate(const ModelSpec& spec, at::ScalarType dtype, double rows, at::Device device) {
  constexpr double kSeconds = 0.005;  // 50 ms for twenty tries, or three longer ones
  using Key = std::tuple<std::int64_t, std::int64_t, at::ScalarType, std::uint64_t, int, std::string>;
  static std::mutex mutex;
  static std::map<Key, double> rates;
  const auto rounded = std::bit_ceil(static_cast<std::uint64_t>(measured_rows(spec, rows)));
  const Key key{spec.hidden_size, inner_size(spec), dtype, rounded, at::get_num_threads(), device.str()};
  const std::lock_guard<std::mutex> lock(mutex);
  double& rate = rates[key];
  if (rate == 0) { rate = product_rate(spec, dtype, rows, kSeconds, device); }
  return rate;
}

}  // namespace una::run
