#pragma once

#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/base/file_at.h"
#include "una/core/packed_batch.h"
#include "una/model/model.h"

namespace una::train {

// Reference log-probs on disk, by the content of each sequence: one file a reference, append-only, shared by
// runs. A record is (hash of ids and mask, count, floats); a torn record at the end of the file is cut off
// when it is opened. In memory are only the places of the records, and values that are not on the disk yet.
class ReferenceCache {
 public:
  // `folder` is made when missing; the oldest other files are removed while the folder holds more than
  // `cap_bytes`.
  ReferenceCache(const std::string& folder, const std::string& key, std::uint64_t cap_bytes);
  ReferenceCache() = default;  // in memory only
  // Copies the log-probs of one sequence; false when there are none, or not `count` of them.
  bool read(std::uint64_t sequence, float* out, std::int64_t count) const;
  void add(std::uint64_t sequence, std::vector<float> logps);
  void flush();  // to the disk; called before a checkpoint counts as written
  std::size_t size() const { return places_.size() + values_.size(); }

 private:
  struct Place {
    std::uint64_t offset = 0;
    std::uint32_t count = 0;
  };
  void read_places();
  bool read_record(std::uint64_t sequence, const Place& place, float* out) const;
  std::string path_;
  std::ofstream out_;
  std::unique_ptr<FileAt> file_;
  std::uint64_t end_ = 0;  // bytes of the file, with those that are still on their way to it
  std::unordered_map<std::uint64_t, Place> places_;
  std::unordered_map<std::uint64_t, std::vector<float>> values_;  // not flushed, or in memory only
  std::vector<std::pair<std::uint64_t, Place>> unflushed_;
};

// Who the policy is compared with: an adapter of the policy's own model (kNoAdapter: the bare base), or
// another model.
class Reference {
 public:
  Reference(model::Model& model, model::AdapterId adapter, std::string description, std::string content_hash);
  void set_cache(std::unique_ptr<ReferenceCache> cache) { cache_ = std::move(cache); }
  void keep_in_memory() { cache_ = std::make_unique<ReferenceCache>(); }

  // [N] fp32 log-probs of the batch's wanted tokens, no gradient: from the cache where every sequence is
  // known, else from a forward pass that is then remembered.
  at::Tensor logps(const PackedBatch& batch);
  const std::string& description() const { return description_; }  // "the base model, adapter off"
  model::Model& model() { return model_; }                         // whose samples with `adapter` are its own
  model::AdapterId adapter() const { return adapter_; }
  const std::string& content_hash() const { return content_hash_; }
  void flush();
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
