#include "una/kernels/adamw.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <ATen/ops/linalg_vector_norm.h>

#include "una/kernels/cpu/dispatch.h"
#include "una/kernels/reference.h"

namespace una::kernels {
namespace {

constexpr std::int64_t kBlock = 16384;  // elements per partial sum

template <class A>
cpu::AdamwScalars<A> scalars(const AdamWParams& p) {
  const double first = 1 - std::pow(p.beta1, static_cast<double>(p.step));
  const double second = 1 - std::pow(p.beta2, static_cast<double>(p.step));
  return {.gradient_scale = static_cast<A>(p.gradient_scale),
          .beta1 = static_cast<A>(p.beta1),
          .beta2 = static_cast<A>(p.beta2),
          .one_minus_beta1 = static_cast<A>(1 - p.beta1),
          .one_minus_beta2 = static_cast<A>(1 - p.beta2),
          .decay = static_cast<A>(1 - p.learning_rate * p.weight_decay),
          .step_size = static_cast<A>(p.learning_rate / first),
          .inverse_root_correction = static_cast<A>(1 / std::sqrt(second)),
          .epsilon = static_cast<A>(p.epsilon)};
}

template <class A, class Loop>
void update(at::Tensor& param, const at::Tensor& grad, at::Tensor& m, at::Tensor& v,
            const AdamWParams& params, Loop loop) {
  const auto s = scalars<A>(params);
  at::parallel_for(0, param.numel(), kBlock, [&](std::int64_t begin, std::int64_t end) {
    loop(detail::write<A>(param) + begin, detail::read<A>(grad) + begin, detail::write<A>(m) + begin,
         detail::write<A>(v) + begin, end - begin, s);
  });
}

// On another device: ATen's operations over pieces, so that their intermediate results stay small.
void update_by_pieces(const at::Tensor& param, const at::Tensor& grad, const at::Tensor& m,
                      const at::Tensor& v, const AdamWParams& params) {
  constexpr std::int64_t kPiece = std::int64_t{1} << 26;
  for (std::int64_t begin = 0; begin < param.numel(); begin += kPiece) {
    const std::int64_t size = std::min(kPiece, param.numel() - begin);
    const auto piece = [&](const at::Tensor& whole) { return whole.narrow(0, begin, size); };
    at::Tensor values = piece(param), means = piece(m), squares = piece(v);
    reference::adamw_step(values, piece(grad), means, squares, params);
  }
}

}  // namespace

void adamw_step(at::Tensor& param, const at::Tensor& grad, at::Tensor& exp_avg, at::Tensor& exp_avg_sq,
                const AdamWParams& params) {
  for (const at::Tensor& t : {param, grad, exp_avg, exp_avg_sq}) {
    check(t.is_contiguous() && t.numel() == param.numel() && t.scalar_type() == param.scalar_type(),
          "adamw_step: tensors must be contiguous, of one size and dtype");
  }
  check(params.step >= 1, "adamw_step: steps count from 1");
  if (!param.is_cpu()) {
    update_by_pieces(param, grad, exp_avg, exp_avg_sq, params);
    return;
  }
  if (param.scalar_type() == at::kDouble) {
    update<double>(param, grad, exp_avg, exp_avg_sq, params, cpu::tables().adamw_f64);
  } else {
    check(param.scalar_type() == at::kFloat, "adamw_step: tensors must be float32 (or float64)");
    update<float>(param, grad, exp_avg, exp_avg_sq, params, cpu::tables().adamw_f32);
  }
}

double sum_of_squares(const at::Tensor& flat) {
  const at::Tensor values = flat.contiguous();
  const bool wide = values.scalar_type() == at::kDouble;
  check(wide || values.scalar_type() == at::kFloat, "sum_of_squares: the tensor must be float32 or float64");
  if (!values.is_cpu()) {
    const double norm = at::linalg_vector_norm(values, 2, {}, false, at::kDouble).item<double>();
    return norm * norm;
  }
  const std::int64_t count = values.numel(), blocks = (count + kBlock - 1) / kBlock;
  std::vector<double> partial(static_cast<std::size_t>(blocks), 0.0);
  at::parallel_for(0, blocks, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b) {
      const std::int64_t first = b * kBlock, n = std::min(kBlock, count - first);
      partial[static_cast<std::size_t>(b)] =
          wide ? cpu::tables().sum_squares_f64(detail::read<double>(values) + first, n)
               : cpu::tables().sum_squares_f32(detail::read<float>(values) + first, n);
    }
  });
  double sum = 0;
  for (const double part : partial) { sum += part; }
  return sum;
}

}  // namespace una::kernels
