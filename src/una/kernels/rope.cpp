#include "una/kernels/rope.h"

#include <ATen/ops/empty_like.h>

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

// cos and sin of every position.
struct Angles {
  at::Tensor cos, sin;  // [T, R/2], the computing dtype
  std::int64_t rotated = 0;
  RopePairs pairs = RopePairs::kHalves;
};

at::Tensor rotate(const at::Tensor& in, const Angles& angles, int sign) {
  at::Tensor out = at::empty_like(in);
  const std::int64_t heads = in.size(1), dim = in.size(2), half = angles.cos.size(1);
  const cpu::RopeShape shape{heads, angles.rotated, dim, half, angles.pairs == RopePairs::kNeighbours};
  detail::with_type(in.scalar_type(), [&]<class T>() {
    using A = cpu::Compute<T>;
    detail::for_rows(in.size(0), heads * dim, [&](std::int64_t begin, std::int64_t end) {
      detail::table<T>().rope(read<T>(in) + begin * heads * dim, write<T>(out) + begin * heads * dim,
                              read<A>(angles.cos) + begin * half, read<A>(angles.sin) + begin * half,
                              end - begin, shape, static_cast<A>(sign));
    });
  });
  return out;
}

// The autograd node of rope.
struct Rope : torch::autograd::Function<Rope> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& qkv, const Angles& angles) {
    detail::keep(ctx, angles);
    return rotate(qkv, angles, 1);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    return {rotate(grads[0].contiguous(), detail::kept<Angles>(ctx), -1), {}};
  }
};

}  // namespace

at::Tensor rope(const at::Tensor& qkv, const at::Tensor& cos, const at::Tensor& sin,
                std::int64_t rotated_heads, RopePairs pairs) {
  check(qkv.dim() == 3 && qkv.size(2) % 2 == 0, "rope: qkv must be [T, heads, D] with an even D");
  check(rotated_heads >= 0 && rotated_heads <= qkv.size(1), "rope: more rotated heads than heads");
  check(cos.dim() == 2 && cos.sizes() == sin.sizes() && cos.size(0) == qkv.size(0) &&
            2 * cos.size(1) <= qkv.size(2),
        "rope: cos and sin must be [T, R/2] with R at most D");
  const auto type = detail::compute_type(qkv.scalar_type());
  const Angles angles{cos.to(type).contiguous(), sin.to(type).contiguous(), rotated_heads, pairs};
  if (aten::takes(qkv)) {
    const auto turn = [angles](const detail::variable_list& in) {
      return reference::rope(in[0], angles.cos, angles.sin, angles.rotated, angles.pairs);
    };
    return aten::recomputed(aten::Op(turn), {qkv});
  }
  const at::Tensor rows = qkv.contiguous();
  return detail::records({rows}) ? Rope::apply(rows, angles) : rotate(rows, angles, 1);
}

}  // namespace una::kernels
