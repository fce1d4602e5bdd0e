#include "una/train/reference.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <string_view>

#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>

#include "una/base/cache_folder.h"
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

std::uint32_t checksum(std::string_view bytes) { return static_cast<std::uint32_t>(hash_u64(bytes)); }

}  // namespace

ReferenceCache::ReferenceCache(const std::string& folder, const std::string& key, std::uint64_t cap_bytes)
    : path_(folder + "/" + key + ".refs") {
  make_folder(folder);
  trim_cache_folder(folder, path_, cap_bytes);
  read_places();
  out_.open(path_, std::ios::binary | std::ios::app);
  check_input(static_cast<bool>(out_), "cannot write the reference cache ", path_,
              ": choose another reference_cache_dir or none");
  file_ = std::make_unique<FileAt>(path_);
}

void ReferenceCache::read_places() {
  if (!is_file(path_)) { return; }
  constexpr std::uint64_t kBlock = std::uint64_t{16} << 20;
  {
    const MappedFile file(path_);
    std::uint64_t released = 0;
    while (end_ + sizeof(RecordHead) <= file.size()) {
      RecordHead head;
      std::memcpy(&head, file.data() + end_, sizeof head);
      const std::uint64_t begin = end_ + sizeof head, end = begin + std::uint64_t{head.count} * sizeof(float);
      if (end > file.size() || checksum(file.bytes().substr(begin, end - begin)) != head.check) { break; }
      places_[head.sequence] = {begin, head.count};
      end_ = end;
      if (end_ - released < kBlock) { continue; }
      file.release_pages();
      released = end_;
    }
    if (end_ == file.size()) { return; }
  }
  fs::resize_file(path_, end_);
}

bool ReferenceCache::read(std::uint64_t sequence, float* out, std::int64_t count) const {
  if (const auto found = values_.find(sequence); found != values_.end()) {
    if (std::ssize(found->second) != count) { return false; }
    std::copy(found->second.begin(), found->second.end(), out);
    return true;
  }
  const auto found = places_.find(sequence);
  if (found == places_.end() || found->second.count != count) { return false; }
  return read_record(sequence, found->second, out);
}

// Checked again: another run may append to the same file, and then places counted here are not the file's.
bool ReferenceCache::read_record(std::uint64_t sequence, const Place& place, float* out) const {
  RecordHead head;
  const std::size_t bytes = place.count * sizeof(float);
  file_->read(place.offset - sizeof head, &head, sizeof head);
  file_->read(place.offset, out, bytes);
  return head.sequence == sequence && head.count == place.count &&
         head.check == checksum({reinterpret_cast<const char*>(out), bytes});
}

void ReferenceCache::add(std::uint64_t sequence, std::vector<float> logps) {
  if (places_.count(sequence) > 0 || values_.count(sequence) > 0) { return; }
  if (!path_.empty()) {
    const std::string_view bytes{reinterpret_cast<const char*>(logps.data()), logps.size() * sizeof(float)};
    const RecordHead head{sequence, static_cast<std::uint32_t>(logps.size()), checksum(bytes)};
    out_.write(reinterpret_cast<const char*>(&head), sizeof head);
    out_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    unflushed_.push_back({sequence, {end_ + sizeof head, head.count}});
    end_ += sizeof head + bytes.size();
  }
  values_[sequence] = std::move(logps);
  constexpr std::size_t kMost = 4096;  // sequences in memory
  if (unflushed_.size() >= kMost) { flush(); }
}

void ReferenceCache::flush() {
  if (path_.empty() || !out_.is_open()) { return; }
  out_.flush();
  if (!out_) {
    log_warning(cat("the reference cache ", path_, " cannot be written (full disk?); going on without it"));
    out_.close();  // what is known stays in memory
    return;
  }
  for (const auto& [sequence, place] : unflushed_) {
    places_[sequence] = place;
    values_.erase(sequence);
  }
  unflushed_.clear();
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

void Reference::flush() {
  if (cache_ != nullptr) { cache_->flush(); }
}

}  // namespace una::train
