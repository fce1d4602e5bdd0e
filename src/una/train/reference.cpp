#include "una/train/reference.h"

#include <algorithm>
#include <cstring>
#include <filesystem>

#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/files.h"
#include "una/base/format.h"
#include "una/base/hash.h"
#include "una/base/log.h"

namespace una::train {
namespace fs = std::filesystem;
namespace {

struct RecordHead {
  std::uint64_t sequence = 0;
  std::uint32_t count = 0;
  std::uint32_t check = 0;  // low half of the hash of the floats
};

std::uint32_t checksum(const std::vector<float>& values) {
  const auto* bytes = reinterpret_cast<const char*>(values.data());
  return static_cast<std::uint32_t>(hash_u64({bytes, values.size() * sizeof(float)}));
}

// Removes the files used longest ago until the folder fits; `keep` stays.
void trim_folder(const std::string& folder, const std::string& keep, std::uint64_t cap_bytes) {
  std::vector<fs::directory_entry> files;
  std::uint64_t total = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    total += entry.file_size();
    if (entry.path() != keep) files.push_back(entry);
  }
  std::sort(files.begin(), files.end(),
            [](const auto& a, const auto& b) { return a.last_write_time() < b.last_write_time(); });
  for (const auto& entry : files) {
    if (total <= cap_bytes) return;
    total -= entry.file_size();
    std::error_code ignored;
    fs::remove(entry.path(), ignored);
  }
}

}  // namespace

ReferenceCache::ReferenceCache(const std::string& folder, const std::string& key, std::uint64_t cap_bytes)
    : path_(folder + "/" + key + ".refs") {
  make_folder(folder);
  trim_folder(folder, path_, cap_bytes);
  read();
  out_.open(path_, std::ios::binary | std::ios::app);
  check_input(static_cast<bool>(out_), cat("cannot write the reference cache ", path_,
                                           ": choose another reference_cache_dir or none"));
}

void ReferenceCache::read() {
  if (!is_file(path_)) return;
  std::uint64_t good = 0;
  {
    const MappedFile file(path_);
    while (good + sizeof(RecordHead) <= file.size()) {
      RecordHead head;
      std::memcpy(&head, file.data() + good, sizeof head);
      const std::uint64_t end = good + sizeof head + std::uint64_t{head.count} * sizeof(float);
      if (end > file.size()) break;
      std::vector<float> values(head.count);
      std::memcpy(values.data(), file.data() + good + sizeof head, head.count * sizeof(float));
      if (checksum(values) != head.check) break;
      values_[head.sequence] = std::move(values);
      good = end;
    }
    if (good == file.size()) return;
  }
  fs::resize_file(path_, good);
}

const std::vector<float>* ReferenceCache::find(std::uint64_t sequence) const {
  const auto found = values_.find(sequence);
  return found == values_.end() ? nullptr : &found->second;
}

void ReferenceCache::add(std::uint64_t sequence, std::vector<float> logps) {
  if (values_.count(sequence) > 0) return;
  if (path_.empty()) {
    values_[sequence] = std::move(logps);
    return;
  }
  const RecordHead head{sequence, static_cast<std::uint32_t>(logps.size()), checksum(logps)};
  std::string record(sizeof head + logps.size() * sizeof(float), '\0');
  std::memcpy(record.data(), &head, sizeof head);
  std::memcpy(record.data() + sizeof head, logps.data(), logps.size() * sizeof(float));
  out_.write(record.data(), static_cast<std::streamsize>(record.size()));
  values_[sequence] = std::move(logps);
}

void ReferenceCache::flush() {
  if (path_.empty()) return;
  out_.flush();
  if (!out_) {
    log_warning(cat("the reference cache ", path_, " cannot be written (full disk?); going on without it"));
    out_.clear();
  }
}

std::vector<std::uint64_t> sequence_keys(const PackedBatch& batch) {
  const auto* tokens = batch.tokens.const_data_ptr<std::int64_t>();
  const auto* targets = batch.logp_targets.const_data_ptr<std::int64_t>();
  const auto* rows = batch.logp_rows.const_data_ptr<std::int64_t>();
  // The tokens a sequence reads are those of the segment that holds its last row, in the order of its key
  // ranges.
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
    const std::vector<float>* stored = cache_->find(keys[s]);
    if (stored == nullptr || static_cast<std::int64_t>(stored->size()) != meta.loss_tokens()) return false;
    std::copy(stored->begin(), stored->end(), values + meta.logp_begin);
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

void Reference::flush() {
  if (cache_ != nullptr) cache_->flush();
}

}  // namespace una::train
