#include "una/kernels/qk_norm.h"

#include <array>
#include <cstring>

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>

#include "una/kernels/aten/ops.h"
#include "una/kernels/autograd.h"
#include "una/kernels/norm_rows.h"
#include "una/kernels/reference.h"

namespace una::kernels {
namespace {

using detail::AutogradContext;
using detail::kPartialRows;
using detail::NormShape;
using detail::read;
using detail::variable_list;
using detail::write;

// The arguments of one call.
struct Call {
  Weight q, k;
  QkNormParams params;
};

// One token's layout: the q rows, the k rows, then the v heads; in elements.
struct Layout {
  NormShape q, k;
  std::int64_t values = 0;

  std::int64_t q_size() const { return q.rows * q.cols; }
  std::int64_t k_size() const { return k.rows * k.cols; }
  std::int64_t token() const { return q_size() + k_size() + values; }
  std::int64_t normed_rows() const { return q.rows + k.rows; }
};

Layout layout_of(const at::Tensor& qkv, const QkNormParams& p) {
  const std::int64_t kv = p.kv_heads, heads = qkv.size(1) - 2 * kv, dim = qkv.size(2);
  const auto shape = [&](std::int64_t count) {
    return p.whole ? NormShape{1, count * dim, p.eps, p.kind} : NormShape{count, dim, p.eps, p.kind};
  };
  return {shape(heads), shape(kv), kv * dim};
}

at::Tensor forward(const at::Tensor& qkv, const Call& call, const at::Tensor& inv) {
  at::Tensor y = at::empty_like(qkv);
  const Layout layout = layout_of(qkv, call.params);
  detail::with_type(qkv.scalar_type(), [&]<class T>() {
    using A = cpu::Compute<T>;
    auto* scales = write<A>(inv);
    detail::for_rows(qkv.size(0), layout.token(), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t t = begin; t < end; ++t) {
        const T* in = read<T>(qkv) + t * layout.token();
        T* out = write<T>(y) + t * layout.token();
        A* scale = scales == nullptr ? nullptr : scales + t * layout.normed_rows();
        detail::norm_rows<T>(in, read<T>(call.q.value), out, scale, layout.q);
        in += layout.q_size(), out += layout.q_size();
        detail::norm_rows<T>(in, read<T>(call.k.value), out,
                             scale == nullptr ? nullptr : scale + layout.q.rows, layout.k);
        in += layout.k_size(), out += layout.k_size();
        std::memcpy(out, in, static_cast<std::size_t>(layout.values) * sizeof(T));
      }
    });
  });
  return y;
}

// The results of the backward.
struct Gradients {
  at::Tensor qkv, q, k;  // those of the weights in the computing dtype; undefined: not wanted
};

// The data of one backward, in elements of T.
template <class T>
struct Pointers {
  using A = cpu::Compute<T>;
  const T *dy, *x, *q, *k;
  const A* inv;
  T* dx;
};

// One token: writes its dx and adds to dq and dk (null: not wanted).
template <class T, class A = cpu::Compute<T>>
void token_backward(const Pointers<T>& p, const Layout& layout, std::int64_t t, A* dq, A* dk) {
  const std::int64_t at = t * layout.token(), k_at = at + layout.q_size(), v_at = k_at + layout.k_size();
  const A* inv = p.inv + t * layout.normed_rows();
  detail::norm_rows_backward<T>(p.dy + at, p.x + at, p.q, inv, {p.dx + at, dq}, layout.q);
  detail::norm_rows_backward<T>(p.dy + k_at, p.x + k_at, p.k, inv + layout.q.rows, {p.dx + k_at, dk},
                                layout.k);
  std::memcpy(p.dx + v_at, p.dy + v_at, static_cast<std::size_t>(layout.values) * sizeof(T));
}

// Partials of fixed ranges of tokens are added in order, so results do not depend on the thread count.
Gradients backward(const at::Tensor& dy, const at::Tensor& x, const Call& call, const at::Tensor& inv) {
  const Layout layout = layout_of(x, call.params);
  const std::int64_t tokens = x.size(0), partials = (tokens + kPartialRows - 1) / kPartialRows;
  Gradients out{at::empty_like(x), {}, {}};
  at::Tensor q_sums, k_sums;
  if (call.q.master.defined()) { q_sums = at::zeros({partials + 1, layout.q.cols}, inv.options()); }
  if (call.k.master.defined()) { k_sums = at::zeros({partials + 1, layout.k.cols}, inv.options()); }
  detail::with_type(x.scalar_type(), [&]<class T>() {
    using A = cpu::Compute<T>;
    const Pointers<T> pointers{read<T>(dy),           read<T>(x),   read<T>(call.q.value),
                               read<T>(call.k.value), read<A>(inv), write<T>(out.qkv)};
    A *dq = write<A>(q_sums), *dk = write<A>(k_sums);
    const auto partial = [](A* sums, std::int64_t p, std::int64_t cols) {
      return sums == nullptr ? nullptr : sums + (p + 1) * cols;
    };
    detail::for_rows(partials, kPartialRows * layout.token(), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t p = begin; p < end; ++p) {
        const std::int64_t last = std::min(tokens, (p + 1) * kPartialRows);
        for (std::int64_t t = p * kPartialRows; t < last; ++t) {
          token_backward<T>(pointers, layout, t, partial(dq, p, layout.q.cols),
                            partial(dk, p, layout.k.cols));
        }
      }
    });
    for (std::int64_t p = 0; p < partials; ++p) {
      if (dq != nullptr) { detail::table<T>().add(partial(dq, p, layout.q.cols), dq, layout.q.cols); }
      if (dk != nullptr) { detail::table<T>().add(partial(dk, p, layout.k.cols), dk, layout.k.cols); }
    }
  });
  if (q_sums.defined()) { out.q = q_sums.select(0, 0).to(call.q.master.scalar_type()).clone(); }
  if (k_sums.defined()) { out.k = k_sums.select(0, 0).to(call.k.master.scalar_type()).clone(); }
  return out;
}

// The autograd node of qk_norm.
struct QkNorm : torch::autograd::Function<QkNorm> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& qkv,
                            const std::optional<at::Tensor>& q_master,
                            const std::optional<at::Tensor>& k_master, const Call& call) {
    const std::int64_t rows = layout_of(qkv, call.params).normed_rows() * qkv.size(0);
    const at::Tensor inv = at::empty({rows}, qkv.options().dtype(detail::compute_type(qkv.scalar_type())));
    ctx->save_for_backward({qkv, inv});
    detail::keep(ctx, Call{{call.q.value.detach(), q_master.value_or(at::Tensor())},
                           {call.k.value.detach(), k_master.value_or(at::Tensor())},
                           call.params});
    return kernels::forward(qkv, call, inv);
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const auto saved = ctx->get_saved_variables();
    const Gradients out =
        kernels::backward(grads[0].contiguous(), saved[0], detail::kept<Call>(ctx), saved[1]);
    return {out.qkv, out.q, out.k, {}};
  }
};

}  // namespace

at::Tensor qk_norm(const at::Tensor& qkv, const Weight& q, const Weight& k, const QkNormParams& params) {
  check(qkv.dim() == 3 && params.kv_heads > 0 && qkv.size(1) > 2 * params.kv_heads,
        "qk_norm: qkv must be [T, heads + 2 kv_heads, D]");
  const Layout layout = layout_of(qkv, params);
  check(q.value.numel() == layout.q.cols && k.value.numel() == layout.k.cols,
        "qk_norm: a weight's size is not that of what it norms");
  check(qkv.scalar_type() == q.value.scalar_type() && qkv.scalar_type() == k.value.scalar_type(),
        "qk_norm: qkv and the weights differ in dtype");
  if (aten::takes(qkv)) {
    const auto norm = [params](const at::Tensor& in, const std::vector<Weight>& weights) {
      return reference::qk_norm(in, weights[0], weights[1], params);
    };
    return aten::recomputed(aten::WeightOp(norm), qkv, {q, k});
  }
  const at::Tensor rows = qkv.contiguous();
  const Call call{q, k, params};
  if (detail::records({qkv, q.master, k.master})) {
    return QkNorm::apply(rows, detail::master_of(q), detail::master_of(k), call);
  }
  return forward(rows, call, {});
}

}  // namespace una::kernels
