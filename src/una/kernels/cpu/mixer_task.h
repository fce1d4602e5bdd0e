#pragma once

#include <cstdint>

#include "una/kernels/cpu/convolution_task.h"

// What the loops of gated delta rule layers are given. Under table.h's rules.
namespace una::kernels::cpu {

// Rows [begin, end) of one sequence. Its state begins as number `from` of the task's states (-1: zeros) and is left as
// number `to` (-1: not wanted).
struct DeltaRun {
  std::int64_t begin, end, from, to;
};

// The gated delta rule (kernels/mixers/gated_delta_rule.h) of one key head and the `group` value heads that it serves,
// over runs in an order in which a state is left before it is read. Pointers are at row 0 and the first of these heads.
template <class T>
struct DeltaTask {
  using A = Compute<T>;
  const T *q, *k, *v;
  std::int64_t row;           // elements between rows of q, k and v, and of their gradients
  const A *log_decay, *beta;  // [rows][gate_row]
  std::int64_t gate_row;
  std::int64_t key_dim, value_dim, group;
  A scale;
  const DeltaRun* runs;
  std::int64_t num_runs;
  A* states;  // [..][state_row]: [group][key_dim][value_dim]
  std::int64_t state_row;
  T* out;  // [rows][out_row]
  std::int64_t out_row;
  // Backward only. grad_states: like states, zeros at first. The gates' gradients are written.
  const T* grad_out;
  T *grad_q, *grad_k, *grad_v;
  A *grad_log_decay, *grad_beta, *grad_states;
};

}  // namespace una::kernels::cpu
