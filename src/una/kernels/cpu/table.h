#pragma once

#include <cstdint>

#include "una/kernels/cpu/convolution_task.h"

// The CPU loops, one copy per instruction set, as a table of function pointers chosen at run time. Plain
// pointers only: a file compiled for a wider instruction set must share no inline code with the others, or
// the linker could pick its copy for every machine. So this header includes no LibTorch and defines no
// function bodies. Every loop is single-threaded and reentrant; the callers divide the rows among threads.
namespace una::kernels::cpu {

// Rows [begin, end) of k and v.
struct KeySpan {
  std::int64_t begin, end;
};

// c [rows][columns] (+)= a [rows][a_row] b: bf16 operands, fp32 sums; the result of a row does not depend on
// the other rows. The rows of b are interleaved in pairs: element (2 i + h, j) is half h of word [i][j];
// depth is even.
struct BlockShape {
  std::int64_t rows, columns, depth, a_row;
  bool add;
};
using BlockProduct = void (*)(const BlockShape& shape, const Bf16* a, const std::uint32_t* b, float* c);

// Attention of one kv head for consecutive queries of one segment. q, out and the gradients point at the
// first query and the group's first head, k and v at row 0 of this kv head. Strides are in elements.
template <class T>
struct AttentionTask {
  using A = Compute<T>;
  const T *q, *k, *v;
  std::int64_t q_row, q_head, k_row, v_row;
  const KeySpan* spans;                   // the segment's keys in order, up to the last query's own key
  std::int64_t num_spans, keys, queries;  // keys: the spans' total
  std::int64_t group, dim;                // query heads per kv head, head size
  std::int64_t window;                    // 0: none
  A scale, soft_cap;                      // soft_cap 0: none
  const A* sinks;                         // [group] logits whose weights read no value; null: none
  BlockProduct product;                   // for bf16, on machines that multiply bf16; else null
  bool fixed;                             // a lone query is summed as one of many would be
  T* out;
  std::int64_t out_row, out_head;
  A* lse;  // [queries][lse_row] with heads adjacent; null: not wanted
  std::int64_t lse_row;
  // Backward only. grad_k, grad_v: [keys][padded_dim(dim)] accumulators, zeroed by the loop.
  const T* grad_out;
  std::int64_t grad_out_row, grad_out_head;
  T* grad_q;
  std::int64_t grad_q_row, grad_q_head;
  A *grad_k, *grad_v;
};

// Tasks of one kv head with one query each (decoding steps) that have the same first span, which holds no
// query's own key and is inside every window: that span is read once for all. Each row's result is bit for
// bit the one of its task alone.
template <class T>
using GroupScratch = std::int64_t (*)(const AttentionTask<T>* tasks, std::int64_t count);  // bytes
template <class T>
using GroupAttention = void (*)(const AttentionTask<T>* tasks, std::int64_t count, void* scratch);

// y = x W^T for few rows (a skinny GEMM). Strides in elements; the last dimensions are contiguous.
template <class T>
struct SkinnyGemmTask {
  const T* x;       // [rows][x_row]
  const T* weight;  // [outs][weight_row]
  const T* add;     // null, or [rows][add_row] to add to y; add_row 0: one row (a bias) for all
  T* out;           // [rows][out_row]
  std::int64_t rows, in, outs, x_row, weight_row, add_row, out_row;
};

// How logits are scaled before their log-softmax.
template <class A>
struct LogpParams {
  A inverse_temperature, soft_cap;  // soft_cap 0: none
};

// Where the results of a row go: arrays [rows], null when not wanted.
template <class A>
struct LogpRow {
  A *logp, *lse, *entropy, *mean_logit;
  bool* greedy;
};

// The scalars of one AdamW step, computed once per call.
template <class A>
struct AdamwScalars {
  A gradient_scale, beta1, beta2, one_minus_beta1, one_minus_beta2;
  A decay;                    // 1 - lr * weight_decay
  A step_size;                // lr / (1 - beta1^t)
  A inverse_root_correction;  // 1 / sqrt(1 - beta2^t)
  A epsilon;
};

// The first `rotated` of `heads` heads are rotated, in their first 2 half of dim dimensions: pairs are (2 i, 2 i + 1)
// where interleaved, else (i, half + i).
struct RopeShape {
  std::int64_t heads, rotated, dim, half;
  bool interleaved;
};

// LoRA's dropout.
struct DropoutParams {
  std::uint64_t threshold;  // of 65536: a column is dropped when its 16 random bits are below
  double keep_scale;        // 1 / (1 - p)
};

// The loops of one element type.
template <class T>
struct Table {
  using A = Compute<T>;
  // y = round(x inv) w, inv = 1 / sqrt(mean x^2 + eps) kept in `inv` [rows] unless null.
  void (*rms_norm)(const T* x, const T* w, T* y, A* inv, std::int64_t rows, std::int64_t cols, A eps);
  // dx (null: not wanted) and dw [cols] +=  (null: not wanted).
  void (*rms_norm_backward)(const T* dy, const T* x, const T* w, const A* inv, T* dx, A* dw,
                            std::int64_t rows, std::int64_t cols);
  // The same without rounding before the product, and with (offset + w) in place of w.
  void (*rms_norm_wide)(const T* x, const T* w, T* y, A* inv, std::int64_t rows, std::int64_t cols, A eps,
                        A offset);
  void (*rms_norm_wide_backward)(const T* dy, const T* x, const T* w, const A* inv, T* dx, A* dw,
                                 std::int64_t rows, std::int64_t cols, A offset);
  void (*swiglu)(const T* gate_up, T* out, std::int64_t rows, std::int64_t inner);
  void (*swiglu_backward)(const T* gate_up, const T* grad, T* dgate_up, std::int64_t rows,
                          std::int64_t inner);
  // g sigmoid(alpha g) (u + 1), where g is the gate clamped from above and u is up clamped on both sides.
  void (*clamped_swiglu)(const T* gate_up, T* out, std::int64_t rows, std::int64_t inner, A alpha, A limit);
  void (*clamped_swiglu_backward)(const T* gate_up, const T* grad, T* dgate_up, std::int64_t rows,
                                  std::int64_t inner, A alpha, A limit);
  // gelu(gate) * up; `exact` selects the error function, else the tanh form.
  void (*geglu)(const T* gate_up, T* out, std::int64_t rows, std::int64_t inner, bool exact);
  void (*geglu_backward)(const T* gate_up, const T* grad, T* dgate_up, std::int64_t rows, std::int64_t inner,
                         bool exact);
  // sign 1 rotates, -1 rotates back. cos, sin [rows, half]; dimensions from 2 half on are copied.
  void (*rope)(const T* in, T* out, const A* cos, const A* sin, std::int64_t rows, const RopeShape& shape,
               A sign);
  // One row of logits [vocab] -> the results at index `row`.
  void (*logp_row)(const T* logits, std::int64_t vocab, std::int64_t target, const LogpParams<A>& params,
                   const LogpRow<A>& results, std::int64_t row);
  // Overwrites a row of logits with coefficient * d logp / d logits.
  void (*logp_row_gradient)(T* logits, std::int64_t vocab, std::int64_t target, const LogpParams<A>& params,
                            A lse, A coefficient);
  // out = dropped x (out += with `add`); the mask of row r is drawn from row_keys[r].
  void (*dropout)(const T* x, T* out, const std::uint64_t* row_keys, std::int64_t rows, std::int64_t cols,
                  const DropoutParams& params, bool add);
  void (*convolution_input)(const T* bcx, T* out, std::int64_t rows, std::int64_t channels);  // b x
  // Rows [begin, end) of out [rows][channels]; the backward takes all rows of the channels [begin, end).
  void (*convolution)(const ConvolutionTask<T>& task, std::int64_t begin, std::int64_t end, T* out);
  void (*convolution_backward)(const ConvolutionTask<T>& task, const ConvolutionGradients<T>& gradients,
                               std::int64_t begin, std::int64_t end);
  void (*skinny_gemm)(const SkinnyGemmTask<T>& task);
  // The same for any number of rows, each sum in one order. scratch: 64-byte aligned.
  std::int64_t (*fixed_scratch)(const SkinnyGemmTask<T>& task);  // bytes
  void (*fixed_gemm)(const SkinnyGemmTask<T>& task, void* scratch);
  std::int64_t (*padded_dim)(std::int64_t dim);  // row length of grad_k, grad_v in AttentionTask
  std::int64_t (*attention_scratch)(const AttentionTask<T>& task, bool backward);  // bytes
  void (*attention)(const AttentionTask<T>& task, void* scratch);                  // scratch: 64-byte aligned
  GroupScratch<T> group_scratch;  // null, like group_attention, where the instruction set has no such loop
  GroupAttention<T> group_attention;
  void (*attention_backward)(const AttentionTask<T>& task, void* scratch);
  // out [count] = acc [count] rounded; acc += in.
  void (*store)(const A* acc, T* out, std::int64_t count);
  void (*add)(const A* in, A* acc, std::int64_t count);
  void (*add_values)(const T* in, A* acc, std::int64_t count);
  void (*add_scaled)(const T* in, A* acc, std::int64_t count, A scale);  // acc += scale in
  A (*dot)(const T* a, const T* b, std::int64_t count);
};

// All loops of one instruction set.
struct Tables {
  const char* name;  // "avx512_bf16", "avx512", "avx2" or "default"
  Table<float> f32;
  Table<double> f64;
  Table<Bf16> bf16;
  void (*adamw_f32)(float* p, const float* g, float* m, float* v, std::int64_t n, const AdamwScalars<float>&);
  void (*adamw_f64)(double* p, const double* g, double* m, double* v, std::int64_t n,
                    const AdamwScalars<double>&);
  double (*sum_squares_f32)(const float* x, std::int64_t n);
  double (*sum_squares_f64)(const double* x, std::int64_t n);
  // weights [count] (null: not wanted) = exp(scale (logits - top)), and their sum.
  void (*softmax_row_f32)(const float* logits, float* weights, std::int64_t count, float scale, float* top,
                          double* total);
};

// The tables of this machine's widest instruction set, or of $UNA_CPU_ISA (avx512_bf16, avx512, avx2,
// default). Chosen once; thread-safe. InputError for an unknown name or for an instruction set that this
// machine lacks.
const Tables& tables();
// The tables with this name, for tests; null when this machine lacks the instructions.
const Tables* tables_named(const char* name);
// Whether tables() have products of bf16 blocks (AVX-512 BF16, AMX).
bool multiplies_bf16();

}  // namespace una::kernels::cpu
