#include "una/model/initialize.h"

#include <cmath>
#include <numbers>

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include "una/base/rng.h"

namespace una::model {
namespace {

constexpr std::int64_t kGrain = 16384;

}  // namespace

at::Tensor random_normal(const std::vector<std::int64_t>& shape, double deviation, std::uint64_t seed,
                         const std::string& name) {
  at::Tensor out = at::empty(shape, at::kFloat);
  auto* data = out.mutable_data_ptr<float>();
  const std::int64_t count = out.numel();
  const std::uint64_t stream = stream_id(name);
  // Box-Muller gives two values per draw: elements 2 i and 2 i + 1.
  at::parallel_for(0, (count + 1) / 2, kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const auto index = static_cast<std::uint64_t>(i);
      const double radius = std::sqrt(-2 * std::log(1 - uniform01(random_bits(seed, stream, index, 0))));
      const double angle = 2 * std::numbers::pi * uniform01(random_bits(seed, stream, index, 1));
      data[2 * i] = static_cast<float>(deviation * radius * std::cos(angle));
      if (2 * i + 1 < count) { data[2 * i + 1] = static_cast<float>(deviation * radius * std::sin(angle)); }
    }
  });
  return out;
}

at::Tensor random_uniform(const std::vector<std::int64_t>& shape, double bound, std::uint64_t seed,
                          const std::string& name) {
  at::Tensor out = at::empty(shape, at::kFloat);
  auto* data = out.mutable_data_ptr<float>();
  const std::uint64_t stream = stream_id(name);
  at::parallel_for(0, out.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const double u = uniform01(random_bits(seed, stream, static_cast<std::uint64_t>(i)));
      data[i] = static_cast<float>(bound * (2 * u - 1));
    }
  });
  return out;
}

}  // namespace una::model
