#include "una/kernels/cpu/attention.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <numeric>
#include <type_traits>

#include <ATen/native/CPUBlas.h>
#include <ATen/ops/empty.h>

#include "una/kernels/cpu/attention_units.h"
#include "una/kernels/cpu/dispatch.h"
#include "una/kernels/cpu/thread_scratch.h"
#include "una/kernels/cpu/tile_gemm.h"

namespace una::kernels::cpu {
namespace {

constexpr double kSerialCost = 4000;  // queries times keys below which waking threads costs more

std::vector<std::int64_t> costs_of(const std::vector<WorkUnit>& units) {
  std::vector<std::int64_t> costs;
  for (const WorkUnit& unit : units) { costs.push_back(unit.cost()); }
  return costs;
}

// Calls work(item, kv head) for every pair, the longest first; a free thread takes the next one. Results do
// not depend on which thread runs a task.
template <class Work>
void run_tasks(const std::vector<std::int64_t>& costs, std::int64_t kv_heads, const Work& work) {
  const auto tasks = static_cast<std::int64_t>(costs.size()) * kv_heads;
  std::vector<std::size_t> order(costs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return costs[a] > costs[b]; });
  const auto total = static_cast<double>(std::accumulate(costs.begin(), costs.end(), std::int64_t{0}));
  if (total * static_cast<double>(kv_heads) < kSerialCost) {
    for (std::int64_t i = 0; i < tasks; ++i) { work(static_cast<std::size_t>(i / kv_heads), i % kv_heads); }
    return;
  }
  std::atomic<std::int64_t> next{0};
  at::parallel_for(0, std::min<std::int64_t>(tasks, at::get_num_threads()), 1,
                   [&](std::int64_t, std::int64_t) {
                     for (std::int64_t i = next++; i < tasks; i = next++) {
                       work(order[static_cast<std::size_t>(i / kv_heads)], i % kv_heads);
                     }
                   });
}

// oneDNN's kernel, compiled at run time, where una has no tiles of its own: AVX-512-BF16.
void multiply_block(const BlockShape& shape, const Bf16* a, const std::uint32_t* b, float* c) {
  at::native::cpublas::brgemm(shape.rows, shape.columns, shape.depth, shape.a_row, shape.columns,
                              shape.columns, shape.add, reinterpret_cast<const at::BFloat16*>(a),
                              reinterpret_cast<const at::BFloat16*>(b), c);
}

// One thread's use of products of bf16 blocks: AMX tiles, or multiply_block.
struct BlockProducts {
  BlockProduct product = nullptr;
  explicit BlockProducts(bool bf16) {
    static const bool multiplies = multiplies_bf16();
    if (!bf16 || !multiplies) { return; }
    const TileLoops* tiles = tile_loops();
    product = tiles == nullptr ? multiply_block : tiles->block;
    if (tiles != nullptr) { tiles->begin_blocks(); }
  }
  ~BlockProducts() {
    if (product == nullptr) { return; }
    product == multiply_block ? at::native::cpublas::brgemm_release() : tile_loops()->end_blocks();
  }
  BlockProducts(const BlockProducts&) = delete;
  BlockProducts& operator=(const BlockProducts&) = delete;
};

template <class T>
AttentionTask<T> make_task(const WorkUnit& unit, std::int64_t head, const at::Tensor& q, const at::Tensor& k,
                           const at::Tensor& v, const AttentionParams& params) {
  using A = Compute<T>;
  const std::int64_t group = q.size(1) / k.size(1);
  AttentionTask<T> task{};
  task.q = detail::read<T>(q) + unit.query_begin * q.stride(0) + head * group * q.stride(1);
  task.k = detail::read<T>(k) + head * k.stride(1);
  task.v = detail::read<T>(v) + head * v.stride(1);
  task.q_row = q.stride(0), task.q_head = q.stride(1), task.k_row = k.stride(0), task.v_row = v.stride(0);
  task.spans = unit.spans.data(), task.num_spans = static_cast<std::int64_t>(unit.spans.size());
  task.keys = unit.keys, task.queries = unit.queries, task.group = group, task.dim = q.size(2);
  task.window = params.window, task.fixed = params.sums == Sums::kFixed;
  task.scale = static_cast<A>(params.scale), task.soft_cap = static_cast<A>(params.soft_cap);
  return task;
}

template <class T>
void set_outputs(AttentionTask<T>& task, const WorkUnit& unit, std::int64_t head, const at::Tensor& out,
                 const at::Tensor& lse) {
  task.out = const_cast<T*>(detail::read<T>(out)) + unit.query_begin * out.stride(0) +
             head * task.group * out.stride(1);
  task.out_row = out.stride(0), task.out_head = out.stride(1);
  if (!lse.defined()) { return; }
  task.lse = const_cast<Compute<T>*>(detail::read<Compute<T>>(lse)) + unit.query_begin * lse.stride(0) +
             head * task.group;
  task.lse_row = lse.stride(0);
}

// The elements needed for partial key gradients, and whether every key is used by a unit.
struct Sharing {
  std::int64_t room = 0;
  bool covered = true;
};

// Marks units that share keys with others, and assigns them space for partials.
Sharing find_sharing(std::vector<WorkUnit>& units, std::int64_t keys, std::int64_t elements_per_key) {
  std::vector<std::int32_t> uses(static_cast<std::size_t>(keys), 0);
  for (const WorkUnit& unit : units) {
    for (const KeySpan& span : unit.spans) {
      for (std::int64_t u = span.begin; u < span.end; ++u) { ++uses[static_cast<std::size_t>(u)]; }
    }
  }
  Sharing sharing;
  for (WorkUnit& unit : units) {
    for (const KeySpan& span : unit.spans) {
      unit.shared = unit.shared || std::any_of(uses.begin() + span.begin, uses.begin() + span.end,
                                               [](std::int32_t n) { return n > 1; });
    }
    if (!unit.shared) { continue; }
    unit.partial = sharing.room;
    sharing.room += unit.keys * elements_per_key;
  }
  sharing.covered = std::all_of(uses.begin(), uses.end(), [](std::int32_t n) { return n > 0; });
  return sharing;
}

// Rounds a task's key gradients [keys][width] into the rows of grad [U, K, D].
template <class T>
void store_keys(const WorkUnit& unit, const Compute<T>* acc, std::int64_t width, std::int64_t head,
                const at::Tensor& grad) {
  T* to = detail::write<T>(grad) + head * grad.stride(1);
  for (const KeySpan& span : unit.spans) {
    for (std::int64_t u = span.begin; u < span.end; ++u, acc += width) {
      detail::table<T>().store(acc, to + u * grad.stride(0), grad.size(2));
    }
  }
}

// Sums the partials of shared units, in the order of units, into grad's rows [begin, end) that they touch.
template <class T>
class PartialSum {
 public:
  using A = Compute<T>;
  PartialSum(const std::vector<WorkUnit>& units, const A* partials, std::int64_t kv_heads, std::int64_t width)
      : units_(units), partials_(partials), kv_heads_(kv_heads), width_(width) {}

  void run(std::int64_t which, std::int64_t begin, std::int64_t end, const at::Tensor& grad) const {
    std::vector<A> sum(static_cast<std::size_t>((end - begin) * width_));
    for (std::int64_t head = 0; head < kv_heads_; ++head) {
      std::vector<char> touched(static_cast<std::size_t>(end - begin), 0);
      std::fill(sum.begin(), sum.end(), A{0});
      for (const WorkUnit& unit : units_) {
        if (unit.shared) { add(unit, base(unit, head, which), begin, end, sum.data(), touched.data()); }
      }
      for (std::int64_t u = begin; u < end; ++u) {
        if (touched[static_cast<std::size_t>(u - begin)] == 0) { continue; }
        detail::table<T>().store(sum.data() + (u - begin) * width_,
                                 detail::write<T>(grad) + u * grad.stride(0) + head * grad.stride(1),
                                 grad.size(2));
      }
    }
  }

  // A shared unit's partial of one head; which: 0 for k, 1 for v.
  const A* base(const WorkUnit& unit, std::int64_t head, std::int64_t which) const {
    return partials_ + unit.partial + (2 * head + which) * unit.keys * width_;
  }

 private:
  void add(const WorkUnit& unit, const A* from, std::int64_t begin, std::int64_t end, A* sum,
           char* touched) const {
    for (const KeySpan& span : unit.spans) {
      const std::int64_t first = std::max(span.begin, begin), last = std::min(span.end, end);
      if (first < last) {
        detail::table<T>().add(from + (first - span.begin) * width_, sum + (first - begin) * width_,
                               (last - first) * width_);
        std::memset(touched + (first - begin), 1, static_cast<std::size_t>(last - first));
      }
      from += (span.end - span.begin) * width_;
    }
  }

  const std::vector<WorkUnit>& units_;
  const A* partials_;
  std::int64_t kv_heads_, width_;
};

template <class T>
void backward_of(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const std::vector<Segment>& segments, const AttentionParams& params, const at::Tensor& out,
                 const at::Tensor& lse, const at::Tensor& grad_out, const AttentionGrads& grads) {
  using A = Compute<T>;
  const std::int64_t kv_heads = k.size(1), width = detail::table<T>().padded_dim(k.size(2));
  std::vector<WorkUnit> units = make_units(segments, kv_heads);
  const Sharing sharing = find_sharing(units, k.size(0), 2 * kv_heads * width);
  if (!sharing.covered) {
    grads.k.zero_();
    grads.v.zero_();
  }
  const at::Tensor room = at::empty({sharing.room}, lse.options());
  const PartialSum<T> partials(units, detail::read<A>(room), kv_heads, width);
  run_tasks(costs_of(units), kv_heads, [&](std::size_t i, std::int64_t head) {
    const WorkUnit& unit = units[i];
    const BlockProducts blocks(std::is_same_v<T, Bf16>);
    AttentionTask<T> task = make_task<T>(unit, head, q, k, v, params);
    set_outputs(task, unit, head, out, lse);
    task.product = blocks.product;
    const std::int64_t group = task.group;
    task.grad_out =
        detail::read<T>(grad_out) + unit.query_begin * grad_out.stride(0) + head * group * grad_out.stride(1);
    task.grad_out_row = grad_out.stride(0), task.grad_out_head = grad_out.stride(1);
    task.grad_q = const_cast<T*>(detail::read<T>(grads.q)) + unit.query_begin * grads.q.stride(0) +
                  head * group * grads.q.stride(1);
    task.grad_q_row = grads.q.stride(0), task.grad_q_head = grads.q.stride(1);
    const std::int64_t own = unit.keys * width;
    const std::int64_t bytes = (detail::table<T>().attention_scratch(task, true) + 63) / 64 * 64;
    char* scratch =
        static_cast<char*>(detail::thread_scratch(bytes + 2 * own * static_cast<std::int64_t>(sizeof(A))));
    task.grad_k =
        unit.shared ? const_cast<A*>(partials.base(unit, head, 0)) : reinterpret_cast<A*>(scratch + bytes);
    task.grad_v = task.grad_k + own;
    detail::table<T>().attention_backward(task, scratch);
    if (unit.shared) { return; }
    store_keys<T>(unit, task.grad_k, width, head, grads.k);
    store_keys<T>(unit, task.grad_v, width, head, grads.v);
  });
  if (sharing.room == 0) { return; }
  at::parallel_for(0, k.size(0), 64, [&](std::int64_t begin, std::int64_t end) {
    partials.run(0, begin, end, grads.k);
    partials.run(1, begin, end, grads.v);
  });
}

// The inputs and outputs of one forward pass.
struct ForwardCall {
  const at::Tensor &q, &k, &v;
  const AttentionParams& params;
  const at::Tensor &sinks, &out, &lse;
};

template <class T>
AttentionTask<T> forward_task(const ForwardCall& call, const WorkUnit& unit, std::int64_t head) {
  AttentionTask<T> task = make_task<T>(unit, head, call.q, call.k, call.v, call.params);
  set_outputs(task, unit, head, call.out, call.lse);
  if (call.sinks.defined()) { task.sinks = detail::read<Compute<T>>(call.sinks) + head * task.group; }
  return task;
}

template <class T>
void forward_one(const ForwardCall& call, const WorkUnit& unit, std::int64_t head) {
  const BlockProducts blocks(std::is_same_v<T, Bf16>);
  AttentionTask<T> task = forward_task<T>(call, unit, head);
  task.product = blocks.product;
  detail::table<T>().attention(task,
                               detail::thread_scratch(detail::table<T>().attention_scratch(task, false)));
}

template <class T>
void forward_together(const ForwardCall& call, const WorkUnit* units, std::size_t count, std::int64_t head) {
  std::vector<AttentionTask<T>> tasks;
  for (std::size_t i = 0; i < count; ++i) { tasks.push_back(forward_task<T>(call, units[i], head)); }
  const auto& table = detail::table<T>();
  table.group_attention(tasks.data(), std::ssize(tasks),
                        detail::thread_scratch(table.group_scratch(tasks.data(), std::ssize(tasks))));
}

template <class T>
void forward_of(const ForwardCall& call, const std::vector<WorkUnit>& units) {
  const std::int64_t kv_heads = call.k.size(1);
  if (detail::table<T>().group_attention == nullptr || call.params.sums == Sums::kFixed) {
    run_tasks(costs_of(units), kv_heads,
              [&](std::size_t i, std::int64_t head) { forward_one<T>(call, units[i], head); });
    return;
  }
  const auto runs = make_runs(units, kv_heads, call.q.size(1) / kv_heads, call.params.window);
  std::vector<std::int64_t> costs;
  for (const UnitRun& run : runs) {
    std::int64_t cost = 0;
    for (std::size_t i = 0; i < run.count; ++i) { cost += units[run.begin + i].cost(); }
    costs.push_back(cost);
  }
  run_tasks(costs, kv_heads, [&](std::size_t i, std::int64_t head) {
    const UnitRun& run = runs[i];
    if (run.count == 1) { return forward_one<T>(call, units[run.begin], head); }
    forward_together<T>(call, units.data() + run.begin, run.count, head);
  });
}

}  // namespace

void attention_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       const std::vector<Segment>& segments, const AttentionParams& params,
                       const at::Tensor& sinks, const at::Tensor& out, const at::Tensor& lse) {
  const std::vector<WorkUnit> units = make_units(segments, k.size(1));
  const ForwardCall call{q, k, v, params, sinks, out, lse};
  detail::with_type(q.scalar_type(), [&]<class T>() { forward_of<T>(call, units); });
}

void attention_backward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                        const std::vector<Segment>& segments, const AttentionParams& params,
                        const at::Tensor& out, const at::Tensor& lse, const at::Tensor& grad_out,
                        const AttentionGrads& grads) {
  detail::with_type(q.scalar_type(),
                    [&]<class T>() { backward_of<T>(q, k, v, segments, params, out, lse, grad_out, grads); });
}

}  // namespace una::kernels::cpu
