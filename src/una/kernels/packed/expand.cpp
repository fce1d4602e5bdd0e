#include "una/kernels/packed/expand.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/add.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/stack.h>

#include "una/base/os/heap.h"
#include "una/kernels/aten/ops.h"
#include "una/kernels/cpu/packed_dispatch.h"

namespace una::kernels {
namespace {

using detail::packed_table;
using detail::read;
using detail::write;

// scales [count] of the blocks from `begin` on.
void unpack_scales(const PackedMatrix& matrix, std::int64_t begin, std::int64_t count, float* scales) {
  if (!matrix.nested()) {
    std::copy_n(read<float>(matrix.absmax) + begin, count, scales);
    return;
  }
  const auto* codes = read<std::uint8_t>(matrix.nested_codes);
  const float *map = read<float>(matrix.nested_map), *absmax = read<float>(matrix.nested_absmax);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t block = begin + i;
    scales[i] = map[codes[block]] * absmax[block / matrix.nested_block] + matrix.offset;
  }
}

template <class T>
void expand_blocks(const PackedMatrix& matrix, T* out) {
  constexpr std::int64_t kBlocks = 256;  // scales at a time
  const auto* codes = read<std::uint8_t>(matrix.codes);
  const float* map = read<float>(matrix.map);
  at::parallel_for(0, matrix.blocks(), kBlocks, [&](std::int64_t first, std::int64_t last) {
    float scales[kBlocks];
    for (std::int64_t begin = first; begin < last; begin += kBlocks) {
      const std::int64_t count = std::min(kBlocks, last - begin), number = begin * matrix.block;
      unpack_scales(matrix, begin, count, scales);
      packed_table<T>().expand_four_bit(codes + number / 2, map, scales, out + number,
                                        std::min(count * matrix.block, matrix.numbers() - number),
                                        matrix.block);
    }
  });
}

template <class T>
void expand_rows(const PackedMatrix& matrix, T* out) {
  const auto* codes = read<std::int8_t>(matrix.codes);
  const float* absmax = read<float>(matrix.absmax);
  detail::for_rows(matrix.rows, matrix.columns, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t number = row * matrix.columns;
      packed_table<T>().expand_bytes(codes + number, absmax[row], out + number, matrix.columns);
    }
  });
}

at::Tensor device_scales(const PackedMatrix& matrix) {
  if (!matrix.nested()) { return matrix.absmax; }
  const at::Tensor values = at::index_select(matrix.nested_map, 0, matrix.nested_codes.to(at::kInt));
  const at::Tensor outer = matrix.nested_absmax.repeat_interleave(matrix.nested_block);
  return at::add(at::mul(values, outer.narrow(0, 0, values.size(0))), matrix.offset);
}

// The same by ATen's operations, a few million numbers at a time.
void expand_on_device(const PackedMatrix& matrix, const at::Tensor& out) {
  if (matrix.form == PackedMatrix::Form::kInt8Rows) {
    const at::Tensor values = at::mul(matrix.codes.to(at::kFloat), matrix.absmax.unsqueeze(1));
    at::Tensor(out).copy_(values.mul_(7.874015718698502e-3));
    return;
  }
  const std::int64_t part = (std::int64_t{1} << 22) / matrix.block * matrix.block;
  const at::Tensor flat = out.view({-1}), scales = device_scales(matrix);
  for (std::int64_t begin = 0; begin < matrix.numbers(); begin += part) {
    const std::int64_t count = std::min(part, matrix.numbers() - begin);
    const at::Tensor pairs = matrix.codes.narrow(0, begin / 2, (count + 1) / 2);
    const at::Tensor codes = at::stack({pairs.bitwise_right_shift(4), pairs.bitwise_and(15)}, 1).view({-1});
    const at::Tensor values = at::index_select(matrix.map, 0, codes.to(at::kInt)).narrow(0, 0, count);
    const std::int64_t blocks = (count + matrix.block - 1) / matrix.block;
    const at::Tensor own =
        scales.narrow(0, begin / matrix.block, blocks).repeat_interleave(matrix.block).narrow(0, 0, count);
    flat.narrow(0, begin, count).copy_(at::mul(values, own));
  }
}

}  // namespace

void expand(const PackedMatrix& matrix, const at::Tensor& out) {
  const at::NoGradGuard no_grad;
  check(out.is_contiguous() && out.numel() == matrix.numbers(), "expand: out must be [rows, columns]");
  check(matrix.form == PackedMatrix::Form::kInt8Rows || matrix.block % 2 == 0, "expand: odd blocks");
  if (aten::takes(out)) { return expand_on_device(matrix, out); }
  detail::with_type(out.scalar_type(), [&]<class T>() {
    if (matrix.form == PackedMatrix::Form::kFourBit) {
      expand_blocks(matrix, write<T>(out));
    } else {
      expand_rows(matrix, write<T>(out));
    }
  });
}

at::Tensor expanded(const PackedMatrix& matrix) {
  at::Tensor out = at::empty({matrix.rows, matrix.columns}, matrix.codes.options().dtype(matrix.dtype));
  expand(matrix, out);
  return out;
}

at::Tensor block_scales(const PackedMatrix& matrix) {
  if (!matrix.nested() || aten::takes(matrix.codes)) { return device_scales(matrix); }
  at::Tensor out = at::empty({matrix.blocks()}, at::kFloat);
  unpack_scales(matrix, 0, matrix.blocks(), write<float>(out));
  return out;
}

std::int64_t packed_bytes(const PackedMatrix& matrix) {
  std::size_t sum = 0;
  for (const at::Tensor* each : {&matrix.codes, &matrix.map, &matrix.absmax, &matrix.nested_codes,
                                 &matrix.nested_map, &matrix.nested_absmax}) {
    if (each->defined()) { sum += each->nbytes(); }
  }
  return static_cast<std::int64_t>(sum);
}

PackedMatrix moved(PackedMatrix matrix, at::Device device) {
  for (at::Tensor* each : {&matrix.codes, &matrix.map, &matrix.absmax, &matrix.nested_codes,
                           &matrix.nested_map, &matrix.nested_absmax}) {
    if (each->defined()) { *each = each->to(device).contiguous(); }
  }
  return matrix;
}

at::Tensor Scratch::take(std::int64_t rows, std::int64_t columns, const at::TensorOptions& options) {
  const std::int64_t numbers = rows * columns;
  if (!buffer_.defined() || buffer_.numel() < numbers || buffer_.scalar_type() != options.dtype()) {
    buffer_ = at::Tensor();  // freed first
    buffer_ = at::empty({numbers}, options.requires_grad(false));
    if (buffer_.is_cpu()) { prefer_huge_pages(buffer_.mutable_data_ptr(), buffer_.nbytes()); }
  }
  return buffer_.narrow(0, 0, numbers).view({rows, columns});
}

LinearWeight::LinearWeight(std::vector<std::shared_ptr<const PackedMatrix>> parts,
                           std::shared_ptr<Scratch> scratch)
    : parts_(std::move(parts)), scratch_(std::move(scratch)) {
  check(!parts_.empty() && scratch_ != nullptr, "LinearWeight: packed parts and a scratch are needed");
  for (const auto& part : parts_) {
    check(part->columns == columns() && part->dtype == dtype(), "LinearWeight: the parts differ in shape");
  }
}

std::int64_t LinearWeight::rows() const {
  if (!packed()) { return dense_.size(0); }
  std::int64_t sum = 0;
  for (const auto& part : parts_) { sum += part->rows; }
  return sum;
}

std::int64_t LinearWeight::columns() const { return packed() ? parts_[0]->columns : dense_.size(1); }

at::ScalarType LinearWeight::dtype() const { return packed() ? parts_[0]->dtype : dense_.scalar_type(); }

LinearWeight LinearWeight::detached() const { return packed() ? *this : LinearWeight(dense_.detach()); }

at::Tensor LinearWeight::values() const {
  if (!packed()) { return dense_; }
  const at::NoGradGuard no_grad;
  at::Tensor out = scratch_->take(rows(), columns(), parts_[0]->codes.options().dtype(dtype()));
  std::int64_t row = 0;
  for (const auto& part : parts_) {
    expand(*part, out.narrow(0, row, part->rows));
    row += part->rows;
  }
  return out;
}

}  // namespace una::kernels
