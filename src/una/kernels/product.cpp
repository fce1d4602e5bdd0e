#include "una/kernels/product.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string_view>
#include <type_traits>

#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mm.h>

#include "una/kernels/cpu/dispatch.h"
#include "una/kernels/cpu/thread_scratch.h"
#include "una/kernels/cpu/tile_gemm.h"

namespace una::kernels {
namespace {

using detail::read;
using detail::write;

bool row_major(const at::Tensor& matrix) {
  return matrix.stride(1) == 1 && (matrix.size(0) == 1 || matrix.stride(0) == matrix.size(1));
}

constexpr std::int64_t kFew = 64, kSeveral = 128;
constexpr std::int64_t kFewBesideTiles = 2;  // rows up to which vectors are as fast as tiles
constexpr std::int64_t kShortRow = 2048;     // with longer rows ATen is faster from fewer of them on

std::int64_t bf16_limit(std::string_view isa, std::int64_t in) {
  if (cpu::tile_loops() != nullptr) { return std::numeric_limits<std::int64_t>::max(); }
  if (multiplies_bf16()) { return in <= kShortRow ? kSeveral : kFew; }
  // Without such instructions ATen multiplies bf16 at half the speed of these loops, or less.
  return isa == "default" ? kFew : std::numeric_limits<std::int64_t>::max();
}

bool is_skinny(const at::Tensor& x, const at::Tensor& weight) {
  return x.dim() == 2 && x.size(0) > 0 && x.size(1) > 0 &&
         x.size(0) <= own_product_limit(x.scalar_type(), x.size(1)) && row_major(x) && row_major(weight) &&
         x.is_cpu();
}

// Whether una's loops multiply; ATen does it else.
bool is_own(const at::Tensor& x, const at::Tensor& weight, Sums sums) {
  if (sums == Sums::kFast) { return is_skinny(x, weight); }
  check(x.is_cpu() && x.dim() == 2 && row_major(x) && row_major(weight) && x.size(1) > 0,
        "product: fixed sums are for contiguous matrices on the CPU");
  return x.size(0) > 0;
}

template <class T>
cpu::SkinnyGemmTask<T> make_task(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& add,
                                 const at::Tensor& y) {
  const std::int64_t in = x.size(1);
  return {.x = read<T>(x),
          .weight = read<T>(weight),
          .add = read<T>(add),
          .out = write<T>(y),
          .rows = x.size(0),
          .in = in,
          .outs = weight.size(0),
          .x_row = in,
          .weight_row = in,
          .add_row = add.defined() && add.dim() == 2 ? add.stride(0) : 0,
          .out_row = y.stride(0)};
}

// A task's outputs (rows) [begin, end).
template <class T>
cpu::SkinnyGemmTask<T> outs_of(cpu::SkinnyGemmTask<T> task, std::int64_t begin, std::int64_t end) {
  task.weight += begin * task.weight_row;
  if (task.add != nullptr) { task.add += begin; }
  task.out += begin;
  task.outs = end - begin;
  return task;
}
template <class T>
cpu::SkinnyGemmTask<T> rows_of(cpu::SkinnyGemmTask<T> task, std::int64_t begin, std::int64_t end) {
  task.x += begin * task.x_row;
  if (task.add != nullptr) { task.add += begin * task.add_row; }
  task.out += begin * task.out_row;
  task.rows = end - begin;
  return task;
}

// Calls multiply(part) for the parts of a task, whose outputs or rows are cut at multiples of `unit`.
template <class T, class Multiply>
void in_parts(const cpu::SkinnyGemmTask<T>& task, std::int64_t unit, const Multiply& multiply) {
  const bool by_row = task.rows > task.outs;
  const std::int64_t count = by_row ? task.rows : task.outs, other = by_row ? task.outs : task.rows;
  const std::int64_t grain = 1 + 16384 / (unit * task.in * other);
  at::parallel_for(0, (count + unit - 1) / unit, grain, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t first = begin * unit, last = std::min(end * unit, count);
    multiply(by_row ? rows_of(task, first, last) : outs_of(task, first, last));
  });
}

void multiply_by_tiles(const cpu::SkinnyGemmTask<cpu::Bf16>& task, const cpu::TileLoops& loops) {
  constexpr std::int64_t kUnit = 32;  // two tiles
  in_parts(task, kUnit, [&](const cpu::SkinnyGemmTask<cpu::Bf16>& part) {
    loops.multiply(part, detail::thread_scratch(loops.scratch(part)));
  });
}

// y = x weight^T + add; `add` is [T, out], [out] or undefined.
void multiply(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& add, const at::Tensor& y,
              Sums sums) {
  constexpr std::int64_t kUnit = 8, kFixedUnit = 16;  // outputs that are not cut
  detail::with_type(x.scalar_type(), [&]<class T>() {
    const cpu::SkinnyGemmTask<T> task = make_task<T>(x, weight, add, y);
    if constexpr (std::is_same_v<T, cpu::Bf16>) {
      const cpu::TileLoops* tiles = cpu::tile_loops();
      if (tiles != nullptr && (sums == Sums::kFixed || task.rows > kFewBesideTiles)) {
        return multiply_by_tiles(task, *tiles);
      }
    }
    const auto& table = detail::table<T>();
    if (sums == Sums::kFast) { return in_parts(task, kUnit, table.skinny_gemm); }
    in_parts(task, kFixedUnit, [&](const cpu::SkinnyGemmTask<T>& part) {
      table.fixed_gemm(part, detail::thread_scratch(table.fixed_scratch(part)));
    });
  });
}

}  // namespace

bool multiplies_bf16() { return cpu::multiplies_bf16(); }

bool fixed_sums_are_free(at::ScalarType dtype) {
  return dtype == at::kFloat && std::string_view(cpu::tables().name).substr(0, 6) == "avx512";
}

std::int64_t own_product_limit(at::ScalarType dtype, std::int64_t in) {
  const std::string_view isa = cpu::tables().name;
  if (dtype == at::kBFloat16) { return bf16_limit(isa, in); }
  return dtype == at::kFloat && isa.substr(0, 6) == "avx512" ? kSeveral : kFew;
}

at::Tensor product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, Sums sums) {
  if (!is_own(x, weight, sums)) {
    return at::linear(x, weight, bias.defined() ? std::optional<at::Tensor>(bias) : std::nullopt);
  }
  at::Tensor y = at::empty({x.size(0), weight.size(0)}, x.options().requires_grad(false));
  multiply(x, weight, bias, y, sums);
  return y;
}

void product_into(const at::Tensor& y, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                  Sums sums) {
  at::Tensor out = y;
  if (is_own(x, weight, sums)) {
    multiply(x, weight, bias, out, sums);
  } else if (bias.defined()) {
    at::addmm_out(out, bias, x, weight.t());
  } else {
    at::mm_out(out, x, weight.t());
  }
}

void add_product(const at::Tensor& y, const at::Tensor& x, const at::Tensor& weight, Sums sums) {
  if (!is_own(x, weight, sums) || y.stride(1) != 1) {
    y.addmm_(x, weight.t());
  } else {
    multiply(x, weight, y, y, sums);
  }
}

}  // namespace una::kernels
