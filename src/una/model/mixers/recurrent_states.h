#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/core/model_spec.h"
#include "una/core/packed_batch.h"
#include "una/kernels/mixers/gated_delta_rule.h"

namespace una::model {

// What the layers with a gated delta rule keep of sequences in a cache: for each sequence that may go on its recurrent
// state and the last inputs of its convolution, found by the slot of its last token. Not thread-safe.
class RecurrentStates {
 public:
  RecurrentStates(const ModelSpec& spec, at::ScalarType dtype, at::Device device);

  // How one call goes through the states: S segments, T tokens, K the convolution's width. Rows of convolutions are those
  // of the segments' states, [S (K - 1)], and then the tokens.
  struct Step {
    kernels::DeltaPlan plan;  // over rows of recurrent()
    at::Tensor from, to;      // [S] int64: the state that each segment begins with and the one that it leaves
    at::Tensor taps;          // [T, K] int64, CPU: the rows that each token reads
    at::Tensor last;          // [S (K - 1)] int64: the rows that the states left hold
  };
  // A segment goes on from the state behind the last token that it sees before its own, which an earlier call has left. A
  // state behind one of the segment's own range of keys is taken over; one behind an earlier range (a prompt) stays for
  // others. States behind slots that are written again are dropped. `slots` as in Model::hidden_cached.
  std::shared_ptr<const Step> step(const std::vector<Segment>& segments, const at::Tensor& slots);

  // Drops all states but those whose slot is in one of the ranges.
  void keep(const std::vector<KeyRange>& ranges);

  // Row 0 is the state before a sequence, zeros. [N, value heads, key size, value size] in the computing type, and
  // [N, K - 1, channels of the convolution] in the model's.
  const at::Tensor& recurrent(std::int64_t layer) const {
    return recurrent_[static_cast<std::size_t>(layer)];
  }
  const at::Tensor& tails(std::int64_t layer) const { return tails_[static_cast<std::size_t>(layer)]; }
  std::int64_t size() const { return static_cast<std::int64_t>(by_slot_.size()); }  // states that are held

 private:
  // How a segment begins and ends.
  struct Ends {
    std::int64_t from = 0, to = 0;
  };
  std::vector<Ends> ends_of(const std::vector<Segment>& segments, const std::vector<std::int64_t>& slots);
  std::int64_t take_row();
  void grow();

  std::int64_t kernel_, rows_ = 0;
  std::vector<std::int64_t> free_;
  std::unordered_map<std::int64_t, std::int64_t> by_slot_;
  std::vector<at::Tensor> recurrent_, tails_;  // by layer; undefined: the layer has attention
};

}  // namespace una::model
