#include "una/kernels/product.h"

#include <limits>
#include <optional>
#include <string_view>

#include <ATen/cpu/Utils.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mm.h>

#include "una/kernels/cpu/dispatch.h"

namespace una::kernels {
namespace {

using detail::read;
using detail::write;

bool row_major(const at::Tensor& matrix) {
  return matrix.stride(1) == 1 && (matrix.size(0) == 1 || matrix.stride(0) == matrix.size(1));
}

constexpr std::int64_t kFew = 64, kFewBesideTiles = 16, kSeveral = 128;
constexpr std::int64_t kShortRow = 2048;  // with longer rows ATen is faster from fewer of them on

bool has_amx() {
  const auto capabilities = at::cpu::get_cpu_capabilities();
  const auto found = capabilities.find("amx_bf16");
  return found != capabilities.end() && found->second.toBool();
}

std::int64_t bf16_limit(std::string_view isa, std::int64_t in) {
  static const bool tiles = has_amx();
  if (multiplies_bf16()) { return tiles ? kFewBesideTiles : in <= kShortRow ? kSeveral : kFew; }
  // Without such instructions ATen multiplies bf16 at half the speed of these loops, or less.
  return isa == "default" ? kFew : std::numeric_limits<std::int64_t>::max();
}

bool is_skinny(const at::Tensor& x, const at::Tensor& weight) {
  return x.dim() == 2 && x.size(0) > 0 && x.size(1) > 0 &&
         x.size(0) <= skinny_gemm_limit(x.scalar_type(), x.size(1)) && row_major(x) && row_major(weight) &&
         x.is_cpu();
}

// y = x weight^T + add; `add` is [T, out], [out] or undefined.
void multiply_skinny(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& add,
                     const at::Tensor& y) {
  const std::int64_t in = x.size(1), outs = weight.size(0);
  detail::with_type(x.scalar_type(), [&]<class T>() {
    const std::int64_t grain = 8 * (1 + 16384 / (8 * in * x.size(0)));
    at::parallel_for(0, outs, grain, [&](std::int64_t begin, std::int64_t end) {
      detail::table<T>().skinny_gemm({.x = read<T>(x),
                                      .weight = read<T>(weight) + begin * in,
                                      .add = add.defined() ? read<T>(add) + begin : nullptr,
                                      .out = write<T>(y) + begin,
                                      .rows = x.size(0),
                                      .in = in,
                                      .outs = end - begin,
                                      .x_row = in,
                                      .weight_row = in,
                                      .add_row = add.defined() && add.dim() == 2 ? add.stride(0) : 0,
                                      .out_row = y.stride(0)});
    });
  });
}

}  // namespace

bool multiplies_bf16() { return cpu::multiplies_bf16(); }

std::int64_t skinny_gemm_limit(at::ScalarType dtype, std::int64_t in) {
  const std::string_view isa = cpu::tables().name;
  if (dtype == at::kBFloat16) { return bf16_limit(isa, in); }
  return dtype == at::kFloat && isa.substr(0, 6) == "avx512" ? kSeveral : kFew;
}

at::Tensor product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (!is_skinny(x, weight)) {
    return at::linear(x, weight, bias.defined() ? std::optional<at::Tensor>(bias) : std::nullopt);
  }
  at::Tensor y = at::empty({x.size(0), weight.size(0)}, x.options().requires_grad(false));
  multiply_skinny(x, weight, bias, y);
  return y;
}

void product_into(const at::Tensor& y, const at::Tensor& x, const at::Tensor& weight,
                  const at::Tensor& bias) {
  at::Tensor out = y;
  if (is_skinny(x, weight)) {
    multiply_skinny(x, weight, bias, out);
  } else if (bias.defined()) {
    at::addmm_out(out, bias, x, weight.t());
  } else {
    at::mm_out(out, x, weight.t());
  }
}

void add_product(const at::Tensor& y, const at::Tensor& x, const at::Tensor& weight) {
  if (!is_skinny(x, weight) || y.stride(1) != 1) {
    y.addmm_(x, weight.t());
  } else {
    multiply_skinny(x, weight, y, y);
  }
}

}  // namespace una::kernels
