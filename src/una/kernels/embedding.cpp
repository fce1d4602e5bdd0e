#include "una/kernels/embedding.h"

#include <ATen/ops/index_select.h>
#include <ATen/ops/zeros.h>

#include "una/kernels/autograd.h"
#include "una/kernels/cpu/dispatch.h"

namespace una::kernels {
namespace {

using detail::AutogradContext;
using detail::read;
using detail::variable_list;

// Each thread owns a range of the vocabulary and adds in token order, so there are no races and one result.
template <class T, class A>
void add_rows(const at::Tensor& ids, const at::Tensor& grad, at::Tensor& out) {
  const std::int64_t cols = out.size(1), tokens = ids.numel();
  const auto* id = read<std::int64_t>(ids);
  at::parallel_for(
      0, out.size(0), 1 + out.size(0) / at::get_num_threads(), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t t = 0; t < tokens; ++t) {
          if (id[t] < begin || id[t] >= end) { continue; }
          detail::table<T>().add_values(read<T>(grad) + t * cols, detail::write<A>(out) + id[t] * cols, cols);
        }
      });
}

// The autograd node of embedding.
struct Embedding : torch::autograd::Function<Embedding> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& master, const Weight& weight,
                            const at::Tensor& ids) {
    ctx->save_for_backward({ids});
    detail::keep(ctx, master);
    return at::index_select(weight.value, 0, ids);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const auto& master = detail::kept<at::Tensor>(ctx);
    const at::Tensor grad = grads[0].contiguous(), ids = ctx->get_saved_variables()[0];
    if (!grad.is_cpu()) {
      return {at::zeros(master.sizes(), master.options()).index_add_(0, ids, grad.to(master.scalar_type())),
              {},
              {}};
    }
    at::Tensor out;
    detail::with_type(grad.scalar_type(), [&]<class T>() {
      using A = cpu::Compute<T>;
      out = at::zeros(master.sizes(), master.options().dtype(detail::compute_type(grad.scalar_type())));
      add_rows<T, A>(ids, grad, out);
    });
    return {out.to(master.scalar_type()), {}, {}};
  }
};

}  // namespace

at::Tensor embedding(const at::Tensor& ids, const Weight& weight) {
  check(ids.dim() == 1 && ids.scalar_type() == at::kLong, "embedding: ids must be [T] int64");
  const at::Tensor rows = ids.contiguous();
  if (detail::records({weight.master})) { return Embedding::apply(weight.master, weight, rows); }
  return at::index_select(weight.value.detach(), 0, rows);
}

}  // namespace una::kernels
