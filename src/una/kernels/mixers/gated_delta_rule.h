#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/core/model_spec.h"
#include "una/core/packed_batch.h"
#include "una/kernels/cpu/mixer_task.h"

// The gated delta rule (Gated DeltaNet, arXiv 2412.06464; transformers' torch_chunk_gated_delta_rule) over packed tokens.
// Per value head a state S [key_head_dim, value_head_dim], zero before a sequence's first token, goes through its tokens:
//   S := exp(log_decay_t) S,  S := S + k_t (beta_t (v_t - S^T k_t))^T,  y_t = S^T q_t
// with q and k over their lengths and q times 1 / sqrt(key_head_dim). Tokens are computed in chunks of 64 from the first
// of their segment, by products of matrices; sums are in fp32 (fp64 for fp64).
namespace una::kernels {

using cpu::DeltaRun;

// How states go through a call: runs of rows, in an order in which a state is left before it is read. Runs of one tree
// share states, and trees are independent.
struct DeltaPlan {
  std::vector<DeltaRun> runs;
  std::vector<std::int64_t> trees;  // where each tree begins in `runs`
  std::int64_t states = 0;          // numbers that runs leave and read
};

// The last key that a segment sees before its own tokens' (a packed row, or a slot of a cache); -1: it sees none.
std::int64_t key_before(const Segment& segment);

// The plan of a packed batch: nothing goes on at a segment's border, except that a segment which sees others' tokens
// (an answer its prompt's) begins with the state behind them. InternalError for keys that are not a sequence.
DeltaPlan delta_plan(const std::vector<Segment>& segments, std::int64_t tokens);

// y [T, Hv, value_head_dim]. qkv [T, ..] fp32|bf16: the heads of q, then of k, then of v, side by side; log_decay and beta
// [T, Hv] in the type that qkv is computed in. Rows in no segment give zeros. Gradients: all three. Saves the inputs; the
// backward computes the states again. Deterministic for any thread count, and a sequence's bits depend on its own
// segments alone.
at::Tensor gated_delta_rule(const at::Tensor& qkv, const at::Tensor& log_decay, const at::Tensor& beta,
                            const DeltaRuleSpec& spec, const std::shared_ptr<const DeltaPlan>& plan);

// The same without gradients where runs read and leave `states` [N, Hv, key_head_dim, value_head_dim], contiguous, in the
// computing type.
at::Tensor cached_gated_delta_rule(const at::Tensor& qkv, const at::Tensor& log_decay, const at::Tensor& beta,
                                   const DeltaRuleSpec& spec, const DeltaPlan& plan,
                                   const at::Tensor& states);

}  // namespace una::kernels
