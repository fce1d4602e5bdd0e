#include "una/kernels/mixers/causal_convolution.h"

#include <algorithm>
#include <optional>

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>

#include "una/kernels/aten/ops.h"
#include "una/kernels/autograd.h"
#include "una/kernels/cpu/mixer_dispatch.h"
#include "una/kernels/reference.h"

namespace una::kernels {
namespace {

using detail::AutogradContext;
using detail::read;
using detail::variable_list;
using detail::write;

// The arguments of one call. `by_tap` is the weight as [K, C], so that the loops run over channels.
struct Call {
  at::Tensor taps, by_tap;
  at::Tensor weight_master;  // undefined where it does not train
};

at::Tensor by_tap(const at::Tensor& weight) { return weight.squeeze(1).t().contiguous(); }

template <class T>
cpu::ConvolutionTask<T> task_of(const at::Tensor& inputs, const Call& call) {
  return {.bcx = nullptr,
          .inputs = read<T>(inputs),
          .weight = read<T>(call.by_tap),
          .bias = nullptr,
          .taps = read<std::int64_t>(call.taps),
          .rows = call.taps.size(0),
          .channels = call.by_tap.size(1),
          .kernel = call.by_tap.size(0)};
}

at::Tensor forward(const at::Tensor& inputs, const Call& call) {
  at::Tensor out = at::empty({call.taps.size(0), inputs.size(1)}, inputs.options());
  detail::with_type(inputs.scalar_type(), [&]<class T>() {
    const cpu::ConvolutionTask<T> task = task_of<T>(inputs, call);
    detail::for_rows(task.rows, task.channels * task.kernel, [&](std::int64_t begin, std::int64_t end) {
      detail::mixer_table<T>().causal_convolution(task, begin, end, write<T>(out));
    });
  });
  return out;
}

// Each thread owns a range of channels, so that a row which several tokens read has one writer.
std::pair<at::Tensor, at::Tensor> backward(const at::Tensor& x, const at::Tensor& grad, const Call& call) {
  constexpr std::int64_t kBlock = 64;
  const auto wide = x.options().dtype(detail::compute_type(x.scalar_type()));
  const at::Tensor grad_x = at::empty_like(x), sums = at::zeros(x.sizes(), wide);
  const at::Tensor grad_by_tap = at::zeros(call.by_tap.sizes(), wide);
  detail::with_type(x.scalar_type(), [&]<class T>() {
    using A = cpu::Compute<T>;
    const cpu::ConvolutionTask<T> task = task_of<T>(x, call);
    const cpu::ConvolutionGradients<T> to{.out = read<T>(grad),
                                          .bcx = write<T>(grad_x),
                                          .inputs = write<A>(sums),
                                          .weight = write<A>(grad_by_tap),
                                          .bias = nullptr};
    const std::int64_t blocks = (task.channels + kBlock - 1) / kBlock;
    detail::for_rows(blocks, task.rows * kBlock, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t block = begin; block < end; ++block) {
        detail::mixer_table<T>().causal_convolution_backward(task, to, block * kBlock,
                                                             std::min(task.channels, (block + 1) * kBlock));
      }
    });
  });
  return {grad_x, grad_by_tap};
}

// The autograd node of causal_convolution.
struct CausalConvolution : torch::autograd::Function<CausalConvolution> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x,
                            const std::optional<at::Tensor>& /*weight*/, const Call& call) {
    ctx->save_for_backward({x});
    detail::keep(ctx, call);
    return kernels::forward(x, call);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const auto& call = detail::kept<Call>(ctx);
    const auto [grad_x, grad_by_tap] =
        kernels::backward(ctx->get_saved_variables()[0], grads[0].contiguous(), call);
    variable_list out{grad_x, {}, {}};
    if (call.weight_master.defined()) {
      out[1] = grad_by_tap.t().unsqueeze(1).contiguous().to(call.weight_master.scalar_type());
    }
    return out;
  }
};

void check_call(const at::Tensor& inputs, const at::Tensor& taps, const at::Tensor& weight) {
  check(weight.dim() == 3 && weight.size(1) == 1, "causal_convolution: the weight must be [C, 1, K]");
  check(inputs.dim() == 2 && inputs.size(1) == weight.size(0) && inputs.scalar_type() == weight.scalar_type(),
        "causal_convolution: the input must be [T, C] in the weight's dtype");
  check(taps.dim() == 2 && taps.size(1) == weight.size(2) && taps.scalar_type() == at::kLong &&
            taps.is_contiguous(),
        "causal_convolution: taps must be [T, K] int64");
  const auto* data = read<std::int64_t>(taps);
  for (std::int64_t i = 0; i < taps.numel(); ++i) {
    check(data[i] >= -1 && data[i] < inputs.size(0), "causal_convolution: a tap is outside of the rows");
  }
}

}  // namespace

at::Tensor cached_causal_convolution(const at::Tensor& inputs, const at::Tensor& taps,
                                     const at::Tensor& weight) {
  check_call(inputs, taps, weight);
  if (aten::takes(inputs)) {
    return reference::causal_convolution(inputs, taps.to(inputs.device()), {weight, {}});
  }
  return forward(inputs.contiguous(), {taps, by_tap(weight), {}});
}

at::Tensor causal_convolution(const at::Tensor& x, const at::Tensor& taps, const Weight& weight) {
  check_call(x, taps, weight.value);
  check(taps.size(0) == x.size(0), "causal_convolution: taps must have a row per token");
  if (aten::takes(x)) {
    const auto convolve = [taps = taps.to(x.device())](const at::Tensor& in,
                                                       const std::vector<Weight>& weights) {
      return reference::causal_convolution(in, taps, weights[0]);
    };
    return aten::recomputed(aten::WeightOp(convolve), x, {weight});
  }
  const at::Tensor rows = x.contiguous();
  Call call{taps, by_tap(weight.value.detach()), {}};
  if (!detail::records({rows, weight.master})) { return forward(rows, call); }
  if (weight.trains()) { call.weight_master = weight.master.detach(); }
  return CausalConvolution::apply(rows, detail::master_of(weight), call);
}

}  // namespace una::kernels
