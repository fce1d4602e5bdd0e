#include "una/kernels/experts.h"

#include <algorithm>
#include <utility>

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/autograd.h>

#include "una/kernels/aten/ops.h"
#include "una/kernels/autograd.h"
#include "una/kernels/cpu/dispatch.h"
#include "una/kernels/product.h"

namespace una::kernels {
namespace {

using detail::AutogradContext;
using detail::read;
using detail::variable_list;
using detail::write;

// The pairs of a token and a chosen expert, those of one expert adjacent.
struct Groups {
  std::vector<std::int64_t> begin;  // [E + 1] the first pair of each expert
  at::Tensor tokens;                // [T K] int64: each pair's row of x
  at::Tensor places;                // [T K] int64: its place in choice.weights
};

// A counting sort: within an expert the pairs keep the order of the tokens.
Groups groups_of(const at::Tensor& chosen, std::int64_t experts, c10::Device device) {
  const std::int64_t pairs = chosen.numel(), count = chosen.size(1);
  const auto* expert = read<std::int64_t>(chosen);
  Groups out{std::vector<std::int64_t>(static_cast<std::size_t>(experts) + 1), at::empty({pairs}, at::kLong),
             at::empty({pairs}, at::kLong)};
  for (std::int64_t i = 0; i < pairs; ++i) {
    check(expert[i] >= 0 && expert[i] < experts, "mix_experts: a chosen expert is not there");
    ++out.begin[static_cast<std::size_t>(expert[i]) + 1];
  }
  for (std::size_t e = 1; e < out.begin.size(); ++e) { out.begin[e] += out.begin[e - 1]; }
  std::vector<std::int64_t> next = out.begin;
  auto *tokens = write<std::int64_t>(out.tokens), *places = write<std::int64_t>(out.places);
  for (std::int64_t i = 0; i < pairs; ++i) {
    const std::int64_t to = next[static_cast<std::size_t>(expert[i])]++;
    tokens[to] = i / count;
    places[to] = i;
  }
  out.tokens = out.tokens.to(device);
  out.places = out.places.to(device);
  return out;
}

// The pairs of one expert.
struct Group {
  std::size_t expert;
  std::int64_t begin, count;
  at::Tensor part(const at::Tensor& pairs) const { return pairs.narrow(0, begin, count); }
};

// Calls work(group) for every expert that has pairs.
template <class Work>
void each_group(const Groups& groups, const Work& work) {
  for (std::size_t e = 0; e + 1 < groups.begin.size(); ++e) {
    const std::int64_t begin = groups.begin[e], count = groups.begin[e + 1] - begin;
    if (count > 0) { work(Group{e, begin, count}); }
  }
}

// sum[tokens[i]] += scales[i] values[i], in the sum's type; no token twice. scales undefined: 1.
void add_rows(const at::Tensor& sum, const at::Tensor& tokens, const at::Tensor& values,
              const at::Tensor& scales) {
  if (aten::takes(sum)) {
    const at::Tensor wide = values.to(sum.scalar_type());
    at::Tensor(sum).index_add_(0, tokens, scales.defined() ? at::mul(wide, scales.unsqueeze(1)) : wide);
    return;
  }
  const std::int64_t cols = sum.size(1);
  const auto* rows = read<std::int64_t>(tokens);
  detail::with_type(values.scalar_type(), [&]<class T>() {
    using A = cpu::Compute<T>;
    const auto add = detail::table<T>().add_scaled;
    detail::for_rows(values.size(0), cols, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        add(read<T>(values) + i * cols, write<A>(sum) + rows[i] * cols, cols,
            scales.defined() ? read<A>(scales)[i] : A{1});
      }
    });
  });
}

// [n]: the product of each row of a with that of b, in fp32 (fp64).
at::Tensor row_products(const at::Tensor& a, const at::Tensor& b) {
  const at::ScalarType wide = detail::compute_type(a.scalar_type());
  if (aten::takes(a)) { return at::sum(at::mul(a.to(wide), b.to(wide)), at::IntArrayRef{1}); }
  const std::int64_t cols = a.size(1);
  at::Tensor out = at::empty({a.size(0)}, a.options().dtype(wide));
  detail::with_type(a.scalar_type(), [&]<class T>() {
    const auto dot = detail::table<T>().dot;
    detail::for_rows(a.size(0), cols, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        write<cpu::Compute<T>>(out)[i] = dot(read<T>(a) + i * cols, read<T>(b) + i * cols, cols);
      }
    });
  });
  return out;
}

// Rows of values times fp32 factors, rounded once.
at::Tensor scaled_rows(const at::Tensor& values, const at::Tensor& factors) {
  return at::mul(values, factors.unsqueeze(1)).to(values.scalar_type());
}

// The arguments of one call, as the backward needs them.
struct Call {
  Experts experts;
  at::Tensor gate_up_b, down_b;  // LoRA's B by expert, [E, out, r]; undefined: no LoRA
  Activation activation;
  Groups groups;
  at::Tensor kept_x;                                    // x or its origin; undefined: not needed
  std::function<at::Tensor(const at::Tensor&)> make_x;  // from kept_x; empty: kept_x is x
  bool any_trains = false;                              // whether there are masters
};

// Calls visit(master) for every tensor that trains, in the order of the Function's inputs.
template <class Visit>
void each_master(const Experts& experts, const Visit& visit) {
  for (const Expert& expert : experts.each) {
    for (const at::Tensor* master :
         {&expert.gate_master, &expert.up_master, &expert.down.master, &expert.gate_bias_master,
          &expert.up_bias_master, &expert.down_bias.master}) {
      if (detail::wants_grad(*master)) { visit(*master); }
    }
  }
  for (const auto* lora : {&experts.gate_up_lora, &experts.down_lora}) {
    if (!*lora) { continue; }
    if ((*lora)->a.trains()) { visit((*lora)->a.master); }
    if ((*lora)->b.trains()) { visit((*lora)->b.master); }
  }
}

bool trains(const std::optional<ExpertLora>& lora) { return lora && (lora->a.trains() || lora->b.trains()); }

// Whether any gradient is computed from x.
bool needs_x(const Experts& experts) {
  return trains(experts.gate_up_lora) ||
         std::any_of(experts.each.begin(), experts.each.end(), [](const Expert& expert) {
           return detail::wants_grad(expert.gate_master) || detail::wants_grad(expert.up_master);
         });
}

// Rows that alternate between gate and up as those of gate, then those of up; and the way back.
at::Tensor parted(const at::Tensor& rows) { return rows.unflatten(0, {-1, 2}).transpose(0, 1).flatten(0, 1); }
at::Tensor alternating(const at::Tensor& rows) {
  return rows.unflatten(0, {2, -1}).transpose(0, 1).flatten(0, 1);
}

// B [out, r E] as [E, out, r], so that each expert's is a matrix.
at::Tensor by_expert(const std::optional<ExpertLora>& lora, std::size_t experts) {
  if (!lora) { return {}; }
  const auto count = static_cast<std::int64_t>(experts);
  const at::Tensor own = lora->b.value.detach(), b = lora->interleaved ? parted(own) : own;
  return b.reshape({b.size(0), b.size(1) / count, count}).permute({2, 0, 1}).contiguous();
}

// One expert's part of a LoRA term.
struct LoraPart {
  at::Tensor a, b;  // [r, in], [out, r]
  double scale;
};

LoraPart part_of(const ExpertLora& lora, const at::Tensor& b, std::size_t expert) {
  const std::int64_t rank = b.size(2), e = static_cast<std::int64_t>(expert);
  return {lora.a.value.detach().narrow(0, e * rank, rank), b.select(0, e), lora.scale};
}

// s x A^T
at::Tensor thin(const at::Tensor& x, const LoraPart& lora) { return product(x, lora.a).mul_(lora.scale); }

// y += s (x A^T) B^T
void add_lora(const at::Tensor& y, const at::Tensor& x, const std::optional<ExpertLora>& lora,
              const at::Tensor& b, std::size_t expert) {
  if (!lora) { return; }
  const LoraPart part = part_of(*lora, b, expert);
  add_product(y, thin(x, part), part.b);
}

// The value without history; undefined where there is no weight.
at::Tensor value_of(const Weight& weight) { return weight.defined() ? weight.value.detach() : at::Tensor(); }

// The accumulator of rows like x's.
at::Tensor wide_zeros(const at::Tensor& x) {
  const auto wide = detail::compute_type(x.scalar_type());
  return at::zeros(x.sizes(), x.options().dtype(wide).requires_grad(false));
}

// What the forward leaves: the result, and gate and up of every pair.
struct Mixed {
  at::Tensor y, gate_up;
};

Mixed forward(const at::Tensor& x, const at::Tensor& weights, const Call& call) {
  const Groups& groups = call.groups;
  const Experts& experts = call.experts;
  const std::int64_t rows = experts.each[0].gate_up.size(0);
  const at::Tensor factors = at::index_select(weights.reshape(-1), 0, groups.places);
  const at::Tensor gate_up = at::empty({groups.tokens.numel(), rows}, x.options().requires_grad(false));
  each_group(groups, [&](const Group& group) {
    const at::Tensor in = at::index_select(x, 0, group.part(groups.tokens)), out = group.part(gate_up);
    const Expert& expert = experts.each[group.expert];
    product_into(out, in, expert.gate_up, expert.gate_up_bias);
    add_lora(out, in, experts.gate_up_lora, call.gate_up_b, group.expert);
  });
  const at::Tensor inner = call.activation(gate_up);
  const at::Tensor sum = wide_zeros(x);
  each_group(groups, [&](const Group& group) {
    const Expert& expert = experts.each[group.expert];
    const at::Tensor in = group.part(inner), out = product(in, expert.down.value, value_of(expert.down_bias));
    add_lora(out, in, experts.down_lora, call.down_b, group.expert);
    add_rows(sum, group.part(groups.tokens), out, group.part(factors));
  });
  return {sum.to(x.scalar_type()), gate_up};
}

// dx [n, in] of y = x W^T + s (x A^T) B^T.
at::Tensor input_gradient(const at::Tensor& dy, const at::Tensor& weight,
                          const std::optional<ExpertLora>& lora, const at::Tensor& b, std::size_t expert) {
  at::Tensor dx = at::mm(dy, weight);
  if (lora) {
    const LoraPart part = part_of(*lora, b, expert);
    dx.addmm_(at::mm(dy, part.b).mul_(part.scale), part.a);
  }
  return dx;
}

// Gradients of the pairs between the two products, and what they are computed from.
struct PairGradients {
  at::Tensor inner, dgate_up, dfactors;
};

// factors scale an expert's result, so the gradient of one is the result times dy, which equals inner times
// dy W_down, plus the bias times dy: the result itself is not needed.
PairGradients inner_backward(const at::Tensor& gate_up, const at::Tensor& dy, const at::Tensor& factors,
                             const Call& call) {
  const Groups& groups = call.groups;
  const at::Tensor dinner = at::empty({gate_up.size(0), gate_up.size(1) / 2}, dy.options());
  const at::Tensor of_bias = at::zeros({gate_up.size(0)}, factors.options());
  each_group(groups, [&](const Group& group) {
    const at::Tensor rows = at::index_select(dy, 0, group.part(groups.tokens));
    const at::Tensor bias = value_of(call.experts.each[group.expert].down_bias);
    if (bias.defined()) {
      group.part(of_bias).copy_(at::mv(rows.to(of_bias.scalar_type()), bias.to(of_bias.scalar_type())));
    }
    group.part(dinner).copy_(input_gradient(rows, call.experts.each[group.expert].down.value,
                                            call.experts.down_lora, call.down_b, group.expert));
  });
  const at::Tensor leaf = gate_up.detach().set_requires_grad(true);
  at::Tensor inner;
  {
    const at::AutoGradMode history(true);
    inner = call.activation(leaf);
  }
  PairGradients out{inner.detach(), {}, row_products(dinner, inner.detach()).add_(of_bias)};
  each_group(groups, [&](const Group& group) {
    group.part(dinner).mul_(group.part(factors).unsqueeze(1));  // in fp32, rounded once
  });
  out.dgate_up = torch::autograd::grad({inner}, {leaf}, {dinner})[0];
  return out;
}

// The gradients of all masters; of an expert's undefined where no token chose it.
struct MasterGradients {
  explicit MasterGradients(const Experts& experts)
      : gate(experts.each.size()), up(gate), down(gate), gate_bias(gate), up_bias(gate), down_bias(gate) {}
  variable_list gate, up, down, gate_bias, up_bias, down_bias;  // by expert
  at::Tensor gate_up_a, gate_up_b;                              // [E, r, in], [E, out, r]
  at::Tensor down_a, down_b;
};

// The rows of one expert: inputs of its two products, and the gradients of their results.
struct ExpertRows {
  at::Tensor x, dgate_up, inner, dy;
};

// Adds one expert's part to the gradients of a LoRA term, which are [E, r, in] and [E, out, r].
void lora_gradients(const ExpertLora& lora, const LoraPart& part, const at::Tensor& x, const at::Tensor& dy,
                    const at::Tensor& da, const at::Tensor& db) {
  if (lora.a.trains()) { da.copy_(at::mm(at::mm(dy, part.b).mul_(part.scale).t(), x)); }
  if (lora.b.trains()) { db.copy_(at::mm(dy.t(), thin(x, part))); }
}

void add_gradients(const Call& call, std::size_t e, const ExpertRows& rows, MasterGradients& out) {
  const Expert& expert = call.experts.each[e];
  const std::int64_t size = expert.gate_up.size(0) / 2, index = static_cast<std::int64_t>(e);
  const auto product_of = [](const at::Tensor& master, const at::Tensor& dout, const at::Tensor& in) {
    return detail::wants_grad(master) ? at::mm(dout.t(), in).to(master.scalar_type()) : at::Tensor();
  };
  out.gate[e] = product_of(expert.gate_master, rows.dgate_up.narrow(1, 0, size), rows.x);
  out.up[e] = product_of(expert.up_master, rows.dgate_up.narrow(1, size, size), rows.x);
  out.down[e] = product_of(expert.down.master, rows.dy, rows.inner);
  const auto sum_of = [](const at::Tensor& master, const at::Tensor& dout) {
    return detail::wants_grad(master) ? at::sum(dout, at::IntArrayRef{0}, false, master.scalar_type())
                                      : at::Tensor();
  };
  out.gate_bias[e] = sum_of(expert.gate_bias_master, rows.dgate_up.narrow(1, 0, size));
  out.up_bias[e] = sum_of(expert.up_bias_master, rows.dgate_up.narrow(1, size, size));
  out.down_bias[e] = sum_of(expert.down_bias.master, rows.dy);
  if (trains(call.experts.gate_up_lora)) {
    const ExpertLora& lora = *call.experts.gate_up_lora;
    lora_gradients(lora, part_of(lora, call.gate_up_b, e), rows.x, rows.dgate_up,
                   out.gate_up_a.select(0, index), out.gate_up_b.select(0, index));
  }
  if (trains(call.experts.down_lora)) {
    const ExpertLora& lora = *call.experts.down_lora;
    lora_gradients(lora, part_of(lora, call.down_b, e), rows.inner, rows.dy, out.down_a.select(0, index),
                   out.down_b.select(0, index));
  }
}

// Zeros for a LoRA term's gradients, in the dtype of its masters.
void start_lora(const std::optional<ExpertLora>& lora, const at::Tensor& b, at::Tensor& da, at::Tensor& db) {
  if (!trains(lora)) { return; }
  const at::Tensor& master = lora->a.trains() ? lora->a.master : lora->b.master;
  const auto options = b.options().dtype(master.scalar_type());
  da = at::zeros({b.size(0), b.size(2), lora->a.value.size(1)}, options);
  db = at::zeros(b.sizes(), options);
}

// In the order of each_master.
void append(const Experts& experts, const MasterGradients& found, variable_list& out) {
  for (std::size_t e = 0; e < experts.each.size(); ++e) {
    const Expert& expert = experts.each[e];
    if (detail::wants_grad(expert.gate_master)) { out.push_back(found.gate[e]); }
    if (detail::wants_grad(expert.up_master)) { out.push_back(found.up[e]); }
    if (expert.down.trains()) { out.push_back(found.down[e]); }
    if (detail::wants_grad(expert.gate_bias_master)) { out.push_back(found.gate_bias[e]); }
    if (detail::wants_grad(expert.up_bias_master)) { out.push_back(found.up_bias[e]); }
    if (expert.down_bias.trains()) { out.push_back(found.down_bias[e]); }
  }
  const auto lora = [&](const std::optional<ExpertLora>& term, const at::Tensor& da, const at::Tensor& db) {
    if (!term) { return; }
    if (term->a.trains()) { out.push_back(da.view(term->a.value.sizes())); }
    if (!term->b.trains()) { return; }
    const at::Tensor stored = db.permute({1, 2, 0});
    out.push_back((term->interleaved ? alternating(stored) : stored).reshape(term->b.value.sizes()));
  };
  lora(experts.gate_up_lora, found.gate_up_a, found.gate_up_b);
  lora(experts.down_lora, found.down_a, found.down_b);
}

// The autograd node of mix_experts.
struct MixExperts : torch::autograd::Function<MixExperts> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& weights,
                            at::TensorList /*masters*/, Call call) {
    Mixed mixed = kernels::forward(x, weights, call);
    ctx->save_for_backward({std::exchange(call.kept_x, {}), weights, mixed.gate_up});
    detail::keep(ctx, std::move(call));
    return mixed.y;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const auto saved = ctx->get_saved_variables();
    const auto& call = detail::kept<Call>(ctx);
    const Groups& groups = call.groups;
    const at::Tensor x = saved[0].defined() && call.make_x ? call.make_x(saved[0]) : saved[0];
    const at::Tensor weights = saved[1], dy = grads[0].contiguous();
    const at::Tensor factors = at::index_select(weights.reshape(-1), 0, groups.places);
    const PairGradients pairs = inner_backward(saved[2], dy, factors, call);
    variable_list out(2);
    if (ctx->needs_input_grad(1)) {
      out[1] = at::empty_like(weights);
      out[1].view(-1).index_copy_(0, groups.places, pairs.dfactors);
    }
    const at::Tensor dx = ctx->needs_input_grad(0) ? wide_zeros(dy) : at::Tensor();
    MasterGradients masters(call.experts);
    start_lora(call.experts.gate_up_lora, call.gate_up_b, masters.gate_up_a, masters.gate_up_b);
    start_lora(call.experts.down_lora, call.down_b, masters.down_a, masters.down_b);
    each_group(groups, [&](const Group& group) {
      const at::Tensor tokens = group.part(groups.tokens), dgate_up = group.part(pairs.dgate_up);
      if (dx.defined()) {
        add_rows(dx, tokens,
                 input_gradient(dgate_up, call.experts.each[group.expert].gate_up, call.experts.gate_up_lora,
                                call.gate_up_b, group.expert),
                 {});
      }
      if (!call.any_trains) { return; }
      add_gradients(call, group.expert,
                    {x.defined() ? at::index_select(x, 0, tokens) : x, dgate_up, group.part(pairs.inner),
                     scaled_rows(at::index_select(dy, 0, tokens), group.part(factors))},
                    masters);
    });
    append(call.experts, masters, out);
    if (dx.defined()) { out[0] = dx.to(dy.scalar_type()); }
    out.emplace_back();  // the call
    return out;
  }
};

void check_lora(const std::optional<ExpertLora>& lora, const at::Tensor& weight, std::size_t experts) {
  if (!lora) { return; }
  const auto count = static_cast<std::int64_t>(experts);
  check(lora->a.value.size(1) == weight.size(1) && lora->b.value.size(0) == weight.size(0) &&
            lora->a.value.size(0) == lora->b.value.size(1) && lora->a.value.size(0) % count == 0,
        "mix_experts: LoRA's A must be [E r, in] and its B [out, r E]");
}

void check_shapes(const at::Tensor& x, const Choice& choice, const Experts& experts) {
  check(!experts.each.empty() && x.dim() == 2, "mix_experts: x must be [T, C], and there must be experts");
  check(choice.experts.dim() == 2 && choice.experts.is_cpu() && choice.experts.scalar_type() == at::kLong &&
            choice.experts.size(0) == x.size(0) && choice.weights.sizes() == choice.experts.sizes(),
        "mix_experts: the choice must be [T, K] int64 on the CPU, with a weight for each");
  check(choice.weights.scalar_type() == detail::compute_type(x.scalar_type()),
        "mix_experts: the weights of the choice must be fp32 (fp64)");
  for (const Expert& expert : experts.each) {
    check(expert.gate_up.size(1) == x.size(1) && expert.down.value.size(0) == x.size(1) &&
              expert.gate_up.size(0) == 2 * expert.down.value.size(1) &&
              expert.gate_up.scalar_type() == x.scalar_type(),
          "mix_experts: an expert must be [2 I, C] and [C, I], in x's dtype");
    check((!expert.gate_up_bias.defined() || expert.gate_up_bias.size(0) == expert.gate_up.size(0)) &&
              (!expert.down_bias.defined() || expert.down_bias.value.size(0) == x.size(1)),
          "mix_experts: an expert's biases must be [2 I] and [C]");
  }
  check_lora(experts.gate_up_lora, experts.each[0].gate_up, experts.each.size());
  check_lora(experts.down_lora, experts.each[0].down.value, experts.each.size());
}

}  // namespace

Choice choose_experts(const at::Tensor& logits, std::int64_t count, bool normed) {
  check(logits.dim() == 2 && count > 0 && count <= logits.size(1),
        "choose_experts: logits must be [T, E], E >= K");
  const auto [top, chosen] = at::topk(logits, count);
  const at::Tensor weights = normed ? at::softmax(top, -1) : at::softmax(logits, -1).gather(1, chosen);
  return {chosen.cpu(), weights};
}

at::Tensor mix_experts(const at::Tensor& x_in, const Choice& choice, const Experts& experts,
                       const Activation& activation, const InputOrigin& origin) {
  check_shapes(x_in, choice, experts);
  const at::Tensor x = x_in.contiguous(), weights = choice.weights.contiguous();
  const std::size_t count = experts.each.size();
  Call call{.experts = experts,
            .gate_up_b = by_expert(experts.gate_up_lora, count),
            .down_b = by_expert(experts.down_lora, count),
            .activation = activation,
            .groups = groups_of(choice.experts.contiguous(), std::ssize(experts.each), x.device())};
  variable_list masters;
  if (at::GradMode::is_enabled()) {
    each_master(experts, [&](const at::Tensor& master) { masters.push_back(master); });
  }
  call.any_trains = !masters.empty();
  if (!call.any_trains && !detail::records({x, weights})) {
    const at::NoGradGuard no_grad;
    return forward(x, weights, call).y;
  }
  if (needs_x(experts)) {
    call.kept_x = origin.from.defined() ? origin.from.detach() : x;
    if (origin.from.defined()) { call.make_x = origin.make; }
  }
  return MixExperts::apply(x, weights, at::TensorList(masters), std::move(call));
}

}  // namespace una::kernels
