#include "una/train/reference.h"

#include <algorithm>

#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>

#include "una/base/clock.h"
#include "una/base/hash.h"

namespace una::train {

std::vector<std::uint64_t> sequence_keys(const PackedBatch& batch) {
  const auto* tokens = batch.tokens.const_data_ptr<std::int64_t>();
  const auto* targets = batch.logp_targets.const_data_ptr<std::int64_t>();
  const auto* rows = batch.logp_rows.const_data_ptr<std::int64_t>();
  // A sequence reads the tokens in the key ranges of the segment that holds its last row, in that order.
  std::vector<const Segment*> segment_of(static_cast<std::size_t>(batch.num_tokens()), nullptr);
  for (const Segment& segment : batch.segments) {
    for (std::int32_t q = segment.query_begin; q < segment.query_end; ++q) {
      segment_of[static_cast<std::size_t>(q)] = &segment;
    }
  }
  const auto* last = batch.last_rows.const_data_ptr<std::int64_t>();
  const auto* positions = batch.positions.const_data_ptr<std::int64_t>();
  std::vector<std::uint64_t> keys;
  std::vector<std::int64_t> content;
  for (std::size_t s = 0; s < batch.sequences.size(); ++s) {
    content.clear();
    for (const KeyRange& range : segment_of[static_cast<std::size_t>(last[s])]->keys) {
      content.insert(content.end(), tokens + range.begin,
                     tokens + std::min<std::int64_t>(range.end, last[s] + 1));
    }
    content.push_back(-1);
    for (std::int64_t n = batch.sequences[s].logp_begin; n < batch.sequences[s].logp_end; ++n) {
      content.push_back(positions[rows[n]]);
      content.push_back(targets[n]);
    }
    keys.push_back(
        hash_u64({reinterpret_cast<const char*>(content.data()), content.size() * sizeof(std::int64_t)}));
  }
  return keys;
}

Reference::Reference(model::Model& model, model::AdapterId adapter, std::string description,
                     std::string content_hash)
    : model_(model),
      adapter_(adapter),
      description_(std::move(description)),
      content_hash_(std::move(content_hash)) {}

bool Reference::read_cache(const PackedBatch& batch, const std::vector<std::uint64_t>& keys,
                           at::Tensor& out) const {
  auto* values = out.data_ptr<float>();
  for (std::size_t s = 0; s < keys.size(); ++s) {
    const SequenceMeta& meta = batch.sequences[s];
    if (!cache_->read(keys[s], values + meta.logp_begin, meta.loss_tokens())) { return false; }
  }
  return true;
}

at::Tensor Reference::logps(const PackedBatch& batch) {
  const c10::AutoGradMode no_grad(false);
  std::vector<std::uint64_t> keys;
  if (cache_ != nullptr) {
    keys = sequence_keys(batch);
    at::Tensor stored = at::empty({batch.num_logps()}, at::kFloat);
    if (read_cache(batch, keys, stored)) {
      hits_ += batch.num_sequences();
      return stored;
    }
  }
  const double begin = monotonic_seconds();
  const at::Tensor logp = model_.forward(batch, {}, {.adapter = adapter_}).logp;
  seconds_ += monotonic_seconds() - begin;
  misses_ += batch.num_sequences();
  if (cache_ != nullptr) {
    const at::Tensor host = logp.to(at::kFloat).contiguous();
    const auto* values = host.const_data_ptr<float>();
    for (std::size_t s = 0; s < keys.size(); ++s) {
      const SequenceMeta& meta = batch.sequences[s];
      cache_->add(keys[s], {values + meta.logp_begin, values + meta.logp_end});
    }
  }
  return logp;
}

}  // namespace una::train
