#include "una/kernels/mixers/gated_delta_rule.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <utility>

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include "una/kernels/aten/ops.h"
#include "una/kernels/autograd.h"
#include "una/kernels/cpu/mixer_dispatch.h"

namespace una::kernels {
namespace {

using detail::AutogradContext;
using detail::read;
using detail::variable_list;
using detail::write;

// What one call computes from. All are contiguous.
struct Inputs {
  at::Tensor qkv, log_decay, beta;
};

// The gradients that a backward fills.
struct Gradients {
  at::Tensor qkv, log_decay, beta, states;
};

// A call's shape and plan.
struct Call {
  DeltaRuleSpec spec;
  std::shared_ptr<const DeltaPlan> plan;
};

std::int64_t key_columns(const DeltaRuleSpec& spec) { return spec.num_key_heads * spec.key_head_dim; }

// The task of one tree and one key head.
template <class T>
cpu::DeltaTask<T> task_of(const Inputs& in, const DeltaRuleSpec& spec, const DeltaPlan& plan,
                          std::int64_t tree, std::int64_t head, const at::Tensor& states) {
  using A = cpu::Compute<T>;
  const std::int64_t group = spec.num_value_heads / spec.num_key_heads, first = head * group;
  const auto at = static_cast<std::size_t>(tree);
  const std::int64_t begin = plan.trees[at];
  const std::int64_t end = at + 1 < plan.trees.size() ? plan.trees[at + 1] : std::ssize(plan.runs);
  cpu::DeltaTask<T> task{};
  task.q = read<T>(in.qkv) + head * spec.key_head_dim;
  task.k = task.q + key_columns(spec);
  task.v = read<T>(in.qkv) + 2 * key_columns(spec) + first * spec.value_head_dim;
  task.row = in.qkv.size(1);
  task.log_decay = read<A>(in.log_decay) + first, task.beta = read<A>(in.beta) + first;
  task.gate_row = spec.num_value_heads;
  task.key_dim = spec.key_head_dim, task.value_dim = spec.value_head_dim, task.group = group;
  task.scale = static_cast<A>(1 / std::sqrt(static_cast<double>(spec.key_head_dim)));
  task.runs = plan.runs.data() + begin, task.num_runs = end - begin;
  task.states = write<A>(states) + first * spec.key_head_dim * spec.value_head_dim;
  task.state_row = spec.num_value_heads * spec.key_head_dim * spec.value_head_dim;
  task.out_row = spec.num_value_heads * spec.value_head_dim;
  return task;
}

// A thread's memory.
struct Buffer {
  void* data = nullptr;
  std::int64_t size = 0;
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { std::free(data); }
  void* at_least(std::int64_t bytes) {
    if (bytes > size) {
      std::free(data);
      size = (bytes + 4095) / 4096 * 4096;
      data = std::aligned_alloc(4096, static_cast<std::size_t>(size));
      check(data != nullptr, "gated_delta_rule: out of memory");
    }
    return data;
  }
};

// work(tree, key head, memory) for each pair, in threads. A free thread takes the next pair.
template <class Work>
void for_tasks(const DeltaRuleSpec& spec, const DeltaPlan& plan, std::int64_t tokens, const Work& work) {
  constexpr std::int64_t kSerial = 32768;  // numbers of the rows below which waking threads costs more
  const std::int64_t heads = spec.num_key_heads, tasks = std::ssize(plan.trees) * heads;
  const std::int64_t threads =
      tokens * spec.num_value_heads * (spec.value_head_dim + spec.key_head_dim) < kSerial
          ? 1
          : std::min<std::int64_t>(tasks, at::get_num_threads());
  std::atomic<std::int64_t> next{0};
  at::parallel_for(0, threads, 1, [&](std::int64_t, std::int64_t) {
    Buffer memory;
    for (std::int64_t i = next++; i < tasks; i = next++) { work(i / heads, i % heads, memory); }
  });
}

at::Tensor empty_states(const Inputs& in, const DeltaRuleSpec& spec, std::int64_t count) {
  return at::empty({count, spec.num_value_heads, spec.key_head_dim, spec.value_head_dim},
                   in.log_decay.options());
}

at::Tensor forward(const Inputs& in, const DeltaRuleSpec& spec, const DeltaPlan& plan,
                   const at::Tensor& states) {
  at::Tensor out = at::zeros({in.qkv.size(0), spec.num_value_heads, spec.value_head_dim}, in.qkv.options());
  detail::with_type(in.qkv.scalar_type(), [&]<class T>() {
    const auto& loops = detail::mixer_table<T>();
    for_tasks(spec, plan, in.qkv.size(0), [&](std::int64_t tree, std::int64_t head, Buffer& memory) {
      cpu::DeltaTask<T> task = task_of<T>(in, spec, plan, tree, head, states);
      task.out = write<T>(out) + head * task.group * spec.value_head_dim;
      loops.delta_rule(task, memory.at_least(loops.delta_scratch(task, false)));
    });
  });
  return out;
}

Gradients backward(const Inputs& in, const at::Tensor& grad, const Call& call) {
  const DeltaRuleSpec& spec = call.spec;
  const at::Tensor states = empty_states(in, spec, call.plan->states);
  const Gradients out{at::zeros_like(in.qkv), at::zeros_like(in.log_decay), at::zeros_like(in.beta),
                      at::zeros_like(states)};
  detail::with_type(in.qkv.scalar_type(), [&]<class T>() {
    using A = cpu::Compute<T>;
    const auto& loops = detail::mixer_table<T>();
    for_tasks(spec, *call.plan, in.qkv.size(0), [&](std::int64_t tree, std::int64_t head, Buffer& memory) {
      cpu::DeltaTask<T> task = task_of<T>(in, spec, *call.plan, tree, head, states);
      const std::int64_t first = head * task.group;
      task.grad_out = read<T>(grad) + first * spec.value_head_dim;
      task.grad_q = write<T>(out.qkv) + (task.q - read<T>(in.qkv));
      task.grad_k = write<T>(out.qkv) + (task.k - read<T>(in.qkv));
      task.grad_v = write<T>(out.qkv) + (task.v - read<T>(in.qkv));
      task.grad_log_decay = write<A>(out.log_decay) + first, task.grad_beta = write<A>(out.beta) + first;
      task.grad_states = write<A>(out.states) + first * spec.key_head_dim * spec.value_head_dim;
      loops.delta_rule_backward(task, memory.at_least(loops.delta_scratch(task, true)));
    });
  });
  return out;
}

// The autograd node of gated_delta_rule.
struct GatedDeltaRule : torch::autograd::Function<GatedDeltaRule> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& qkv, const at::Tensor& log_decay,
                            const at::Tensor& beta, const Call& call) {
    ctx->save_for_backward({qkv, log_decay, beta});
    detail::keep(ctx, call);
    const Inputs in{qkv, log_decay, beta};
    return kernels::forward(in, call.spec, *call.plan, empty_states(in, call.spec, call.plan->states));
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const variable_list saved = ctx->get_saved_variables();
    const Gradients found =
        kernels::backward({saved[0], saved[1], saved[2]}, grads[0].contiguous(), detail::kept<Call>(ctx));
    return {found.qkv, found.log_decay, found.beta, {}};
  }
};

void check_call(const Inputs& in, const DeltaRuleSpec& spec, const DeltaPlan& plan) {
  check(spec.num_key_heads > 0 && spec.num_value_heads % spec.num_key_heads == 0 && spec.key_head_dim > 0 &&
            spec.value_head_dim > 0,
        "gated_delta_rule: each key head must serve as many value heads");
  check(in.qkv.dim() == 2 &&
            in.qkv.size(1) == 2 * key_columns(spec) + spec.num_value_heads * spec.value_head_dim,
        "gated_delta_rule: qkv must hold the heads of q, k and v");
  for (const at::Tensor& gate : {in.log_decay, in.beta}) {
    check(gate.dim() == 2 && gate.size(0) == in.qkv.size(0) && gate.size(1) == spec.num_value_heads &&
              gate.scalar_type() == detail::compute_type(in.qkv.scalar_type()),
          "gated_delta_rule: decay and beta must be [T, value heads] in the computing type");
  }
  for (const DeltaRun& run : plan.runs) {
    check(run.begin >= 0 && run.begin < run.end && run.end <= in.qkv.size(0) && run.from < plan.states &&
              run.to < plan.states,
          "gated_delta_rule: a run does not fit the tokens");
  }
}

}  // namespace

at::Tensor gated_delta_rule(const at::Tensor& qkv, const at::Tensor& log_decay, const at::Tensor& beta,
                            const DeltaRuleSpec& spec, const std::shared_ptr<const DeltaPlan>& plan) {
  const Inputs in{qkv.contiguous(), log_decay.contiguous(), beta.contiguous()};
  check_call(in, spec, *plan);
  if (aten::takes(qkv)) {
    const auto rule = [spec, plan](const variable_list& from) {
      return aten::gated_delta_rule(from[0], from[1], from[2], spec, *plan, {});
    };
    return aten::recomputed(aten::Op(rule), {in.qkv, in.log_decay, in.beta});
  }
  if (!detail::records({in.qkv, in.log_decay, in.beta})) {
    return forward(in, spec, *plan, empty_states(in, spec, plan->states));
  }
  return GatedDeltaRule::apply(in.qkv, in.log_decay, in.beta, Call{spec, plan});
}

at::Tensor cached_gated_delta_rule(const at::Tensor& qkv, const at::Tensor& log_decay, const at::Tensor& beta,
                                   const DeltaRuleSpec& spec, const DeltaPlan& plan,
                                   const at::Tensor& states) {
  const Inputs in{qkv.contiguous(), log_decay.contiguous(), beta.contiguous()};
  check_call(in, spec, plan);
  check(states.dim() == 4 && states.size(0) >= plan.states && states.size(1) == spec.num_value_heads &&
            states.size(2) == spec.key_head_dim && states.size(3) == spec.value_head_dim &&
            states.is_contiguous() && states.scalar_type() == log_decay.scalar_type(),
        "cached_gated_delta_rule: states must be [N, value heads, key size, value size]");
  if (aten::takes(qkv)) { return aten::gated_delta_rule(in.qkv, in.log_decay, in.beta, spec, plan, states); }
  return forward(in, spec, plan, states);
}

}  // namespace una::kernels
