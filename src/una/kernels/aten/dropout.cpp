#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/tensor.h>

#include "una/base/rng.h"
#include "una/kernels/aten/ops.h"

namespace una::kernels::aten {
namespace {

std::int64_t signed_bits(std::uint64_t value) { return static_cast<std::int64_t>(value); }

// A logical right shift: no copies of the sign bit.
at::Tensor shifted(const at::Tensor& x, int count) {
  return x.bitwise_right_shift(count).bitwise_and(signed_bits((std::uint64_t{1} << (64 - count)) - 1));
}

at::Tensor mixed(at::Tensor x) {  // SplitMix64; products of int64 wrap around
  x = x + signed_bits(0x9e3779b97f4a7c15ULL);
  x = x.bitwise_xor(shifted(x, 30)) * signed_bits(0xbf58476d1ce4e5b9ULL);
  x = x.bitwise_xor(shifted(x, 27)) * signed_bits(0x94d049bb133111ebULL);
  return x.bitwise_xor(shifted(x, 31));
}

}  // namespace

at::Tensor dropout_mask(const at::Tensor& x, double dropout, std::uint64_t dropout_key) {
  const std::int64_t rows = x.size(0), cols = x.size(1), draws = (cols + 3) / 4;
  std::vector<std::int64_t> keys;
  const std::uint64_t stream = stream_id("lora_dropout");
  for (std::int64_t r = 0; r < rows; ++r) {
    keys.push_back(signed_bits(random_bits(dropout_key, stream, static_cast<std::uint64_t>(r))));
  }
  const auto whole = at::TensorOptions().dtype(at::kLong).device(x.device());
  const at::Tensor key = at::tensor(keys, at::kLong).to(x.device()).unsqueeze(1);
  const at::Tensor bits = mixed(key.bitwise_xor(at::arange(draws, whole).unsqueeze(0)));
  const at::Tensor shift = at::arange(0, 64, 16, whole);
  const at::Tensor parts =
      bits.unsqueeze(2).bitwise_right_shift(shift).bitwise_and(0xffff).view({rows, 4 * draws});
  const at::Tensor stays = parts.narrow(1, 0, cols) >= static_cast<std::int64_t>(dropout * 65536);
  return stays.to(x.scalar_type()) * (1 / (1 - dropout));
}

}  // namespace una::kernels::aten
