#include "una/kernels/mixers/short_convolution.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include "una/kernels/aten/ops.h"
#include "una/kernels/autograd.h"
#include "una/kernels/cpu/dispatch.h"
#include "una/kernels/reference.h"

namespace una::kernels {
namespace {

using detail::AutogradContext;
using detail::read;
using detail::variable_list;
using detail::write;

// The arguments of one call. `by_tap` is the weight as [K, C], so that the loops run over channels.
struct Call {
  at::Tensor taps, by_tap, bias;
  at::Tensor weight_master, bias_master;  // undefined where they do not train
};

at::Tensor by_tap(const at::Tensor& weight) { return weight.squeeze(1).t().contiguous(); }

template <class T>
cpu::ConvolutionTask<T> task_of(const at::Tensor& bcx, const at::Tensor& inputs, const Call& call) {
  return {.bcx = read<T>(bcx),
          .inputs = read<T>(inputs),
          .weight = read<T>(call.by_tap),
          .bias = read<T>(call.bias),
          .taps = read<std::int64_t>(call.taps),
          .rows = bcx.size(0),
          .channels = bcx.size(1) / 3,
          .kernel = call.by_tap.size(0)};
}

at::Tensor input_of(const at::Tensor& bcx) {
  const std::int64_t channels = bcx.size(1) / 3;
  at::Tensor out = at::empty({bcx.size(0), channels}, bcx.options());
  detail::with_type(bcx.scalar_type(), [&]<class T>() {
    detail::for_rows(bcx.size(0), channels, [&](std::int64_t begin, std::int64_t end) {
      detail::table<T>().convolution_input(read<T>(bcx) + 3 * begin * channels,
                                           write<T>(out) + begin * channels, end - begin, channels);
    });
  });
  return out;
}

at::Tensor forward(const at::Tensor& bcx, const at::Tensor& inputs, const Call& call) {
  const std::int64_t channels = bcx.size(1) / 3;
  at::Tensor out = at::empty({bcx.size(0), channels}, bcx.options());
  detail::with_type(bcx.scalar_type(), [&]<class T>() {
    const cpu::ConvolutionTask<T> task = task_of<T>(bcx, inputs, call);
    detail::for_rows(task.rows, channels * task.kernel, [&](std::int64_t begin, std::int64_t end) {
      detail::table<T>().convolution(task, begin, end, write<T>(out));
    });
  });
  return out;
}

// In the compute dtype dbcx; in the type that it is computed in the weight's [K, C] and the bias's [C].
struct Gradients {
  at::Tensor bcx, by_tap, bias;
};

// Each thread owns a range of channels, so that a row which several tokens read has one writer.
Gradients backward(const at::Tensor& bcx, const at::Tensor& grad, const Call& call) {
  constexpr std::int64_t kBlock = 64;
  const at::Tensor inputs = input_of(bcx);
  const auto wide = bcx.options().dtype(detail::compute_type(bcx.scalar_type()));
  Gradients out{at::empty_like(bcx), at::zeros(call.by_tap.sizes(), wide), {}};
  if (call.bias.defined()) { out.bias = at::zeros(call.bias.sizes(), wide); }
  const at::Tensor grad_inputs = at::zeros(inputs.sizes(), wide);
  detail::with_type(bcx.scalar_type(), [&]<class T>() {
    using A = cpu::Compute<T>;
    const cpu::ConvolutionTask<T> task = task_of<T>(bcx, inputs, call);
    const cpu::ConvolutionGradients<T> to{.out = read<T>(grad),
                                          .bcx = write<T>(out.bcx),
                                          .inputs = write<A>(grad_inputs),
                                          .weight = write<A>(out.by_tap),
                                          .bias = write<A>(out.bias)};
    const std::int64_t blocks = (task.channels + kBlock - 1) / kBlock;
    detail::for_rows(blocks, task.rows * kBlock, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t block = begin; block < end; ++block) {
        detail::table<T>().convolution_backward(task, to, block * kBlock,
                                                std::min(task.channels, (block + 1) * kBlock));
      }
    });
  });
  return out;
}

// The autograd node of short_convolution.
struct ShortConvolution : torch::autograd::Function<ShortConvolution> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& bcx,
                            const std::optional<at::Tensor>& /*weight*/,
                            const std::optional<at::Tensor>& /*bias*/, const Call& call) {
    ctx->save_for_backward({bcx});
    detail::keep(ctx, call);
    return kernels::forward(bcx, input_of(bcx), call);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const auto& call = detail::kept<Call>(ctx);
    const Gradients found = kernels::backward(ctx->get_saved_variables()[0], grads[0].contiguous(), call);
    variable_list out{found.bcx, {}, {}, {}};
    if (call.weight_master.defined()) {
      out[1] = found.by_tap.t().unsqueeze(1).contiguous().to(call.weight_master.scalar_type());
    }
    if (call.bias_master.defined()) { out[2] = found.bias.to(call.bias_master.scalar_type()); }
    return out;
  }
};

void check_call(const at::Tensor& bcx, const at::Tensor& taps, const at::Tensor& weight,
                const at::Tensor& bias) {
  check(bcx.dim() == 2 && bcx.size(1) % 3 == 0, "short_convolution: bcx must be [T, 3 C]");
  check(weight.dim() == 3 && weight.size(1) == 1 && 3 * weight.size(0) == bcx.size(1),
        "short_convolution: the weight must be [C, 1, K]");
  check(taps.dim() == 2 && taps.size(0) == bcx.size(0) && taps.size(1) == weight.size(2) &&
            taps.scalar_type() == at::kLong && taps.is_contiguous(),
        "short_convolution: taps must be [T, K] int64");
  check(!bias.defined() || bias.numel() == weight.size(0), "short_convolution: the bias must be [C]");
  check(weight.scalar_type() == bcx.scalar_type() &&
            (!bias.defined() || bias.scalar_type() == bcx.scalar_type()),
        "short_convolution: bcx, weight and bias differ in dtype");
}

void check_taps(const at::Tensor& taps, std::int64_t rows) {
  const auto* data = read<std::int64_t>(taps);
  for (std::int64_t i = 0; i < taps.numel(); ++i) {
    check(data[i] >= -1 && data[i] < rows, "short_convolution: a tap is outside of the rows");
  }
}

// The last `most` of a segment's keys, in order.
std::vector<std::int64_t> last_keys(const Segment& segment, std::int64_t most) {
  std::vector<std::int64_t> out;
  for (auto range = segment.keys.rbegin(); range != segment.keys.rend(); ++range) {
    for (std::int64_t row = range->end; row > range->begin && std::ssize(out) < most; --row) {
      out.push_back(row - 1);
    }
  }
  std::reverse(out.begin(), out.end());
  return out;
}

}  // namespace

at::Tensor convolution_taps(const std::vector<Segment>& segments, std::int64_t tokens, std::int64_t kernel) {
  at::Tensor out = at::full({tokens, kernel}, -1, at::kLong);
  auto* taps = out.mutable_data_ptr<std::int64_t>();
  for (const Segment& segment : segments) {
    const std::int64_t queries = segment.query_end - segment.query_begin;
    const std::vector<std::int64_t> keys = last_keys(segment, queries + kernel - 1);
    const std::int64_t before = std::ssize(keys) - queries;  // the keys before the first query's own
    check(segment.query_begin >= 0 && queries >= 0 && segment.query_end <= tokens && before >= 0,
          "convolution_taps: a segment does not fit the tokens");
    for (std::int64_t i = 0; i < queries; ++i) {
      std::int64_t* row = taps + (segment.query_begin + i) * kernel;
      for (std::int64_t j = 0; j < kernel; ++j) {
        const std::int64_t key = before + i - (kernel - 1) + j;
        if (key >= 0) { row[j] = keys[static_cast<std::size_t>(key)]; }
      }
    }
  }
  return out;
}

at::Tensor convolution_input(const at::Tensor& bcx) {
  check(bcx.dim() == 2 && bcx.size(1) % 3 == 0, "convolution_input: bcx must be [T, 3 C]");
  if (aten::takes(bcx)) { return reference::convolution_input(bcx); }
  return input_of(bcx.contiguous());
}

at::Tensor cached_short_convolution(const at::Tensor& bcx, const at::Tensor& inputs, const at::Tensor& taps,
                                    const at::Tensor& weight, const at::Tensor& bias) {
  check_call(bcx, taps, weight, bias);
  check(inputs.dim() == 2 && inputs.size(1) == weight.size(0) && inputs.is_contiguous() &&
            inputs.scalar_type() == bcx.scalar_type(),
        "cached_short_convolution: inputs must be [S, C], contiguous, in bcx's dtype");
  check_taps(taps, inputs.size(0));
  if (aten::takes(bcx)) {
    return reference::short_convolution(bcx, inputs, taps.to(bcx.device()), {weight, {}}, {bias, {}});
  }
  return forward(bcx.contiguous(), inputs, {taps, by_tap(weight), bias, {}, {}});
}

at::Tensor short_convolution(const at::Tensor& bcx, const at::Tensor& taps, const Weight& weight,
                             const Weight& bias) {
  check_call(bcx, taps, weight.value, bias.value);
  check_taps(taps, bcx.size(0));
  if (aten::takes(bcx)) {
    const auto convolve = [taps = taps.to(bcx.device())](const at::Tensor& in,
                                                         const std::vector<Weight>& weights) {
      return reference::short_convolution(in, reference::convolution_input(in), taps, weights[0], weights[1]);
    };
    return aten::recomputed(aten::WeightOp(convolve), bcx, {weight, bias});
  }
  const at::Tensor rows = bcx.contiguous();
  Call call{taps, by_tap(weight.value.detach()), bias.defined() ? bias.value.detach() : at::Tensor(), {}, {}};
  if (!detail::records({rows, weight.master, bias.master})) { return forward(rows, input_of(rows), call); }
  if (weight.trains()) { call.weight_master = weight.master.detach(); }
  if (bias.trains()) { call.bias_master = bias.master.detach(); }
  return ShortConvolution::apply(rows, detail::master_of(weight), detail::master_of(bias), call);
}

}  // namespace una::kernels
