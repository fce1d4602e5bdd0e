#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/core/packed_batch.h"
#include "una/model/model.h"
#include "una/train/reference_cache.h"

namespace una::train {

// What the policy is compared with: an adapter of the policy's own model (kNoAdapter: the bare base), or another
// model. The model outlives it. Not thread-safe.
class Reference {
 public:
  Reference(model::Model& model, model::AdapterId adapter, std::string description, std::string content_hash);
  void set_cache(std::unique_ptr<ReferenceCache> cache) { cache_ = std::move(cache); }
  void keep_in_memory() { cache_ = std::make_unique<ReferenceCache>(); }

  // [N] fp32 log-probs of the batch's wanted tokens, no gradient: from the cache where every sequence is
  // known, else from a forward pass whose result is stored.
  at::Tensor logps(const PackedBatch& batch);
  const std::string& description() const { return description_; }  // "the base model, adapter off"
  model::Model& model() { return model_; }                         // with `adapter`, samples as the reference
  model::AdapterId adapter() const { return adapter_; }
  const std::string& content_hash() const { return content_hash_; }
  std::int64_t cached_sequences() const { return hits_; }
  std::int64_t computed_sequences() const { return misses_; }
  double seconds() const { return seconds_; }  // spent in forward passes

 private:
  bool read_cache(const PackedBatch& batch, const std::vector<std::uint64_t>& keys, at::Tensor& out) const;
  model::Model& model_;
  model::AdapterId adapter_;
  std::string description_, content_hash_;
  std::unique_ptr<ReferenceCache> cache_;
  std::int64_t hits_ = 0, misses_ = 0;
  double seconds_ = 0;
};

// A key for each sequence of the batch from its ids and which of them are wanted.
std::vector<std::uint64_t> sequence_keys(const PackedBatch& batch);

}  // namespace una::train
