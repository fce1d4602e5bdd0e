#include "una/generate/prefix_cache.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "una/base/error.h"
#include "una/base/hash.h"

namespace una::generate {
namespace {

std::uint64_t key_of(const Block& block) {
  std::array<std::uint64_t, 2 + kBlockTokens> words = {block.weights,
                                                       block.parent == nullptr ? 0 : block.parent->key};
  std::copy(block.ids.begin(), block.ids.end(), words.begin() + 2);
  return hash_u64({reinterpret_cast<const char*>(words.data()), sizeof words});
}

}  // namespace

// The block with this parent, weights and ids.
Block* PrefixCache::find(const Block& like) {
  const auto found = blocks_.find(key_of(like));
  if (found == blocks_.end()) { return nullptr; }
  Block& block = *found->second;
  const bool same = block.parent == like.parent && block.weights == like.weights && block.ids == like.ids;
  return same ? &block : nullptr;
}

void PrefixCache::take(Block& block) {
  if (block.users++ == 0) { idle_.erase(block.idle); }
}

std::vector<Block*> PrefixCache::hold(std::uint64_t weights, std::span<const std::int32_t> ids,
                                      std::int64_t top) {
  std::vector<Block*> out;
  Block like{.weights = weights};
  for (std::size_t begin = 0; begin + kBlockTokens <= ids.size(); begin += kBlockTokens) {
    std::copy_n(ids.begin() + static_cast<std::ptrdiff_t>(begin), kBlockTokens, like.ids.begin());
    Block* block = find(like);
    if (block == nullptr || block->top < top) { break; }
    take(*block);
    out.push_back(block);
    like.parent = block;
  }
  return out;
}

Block* PrefixCache::add(Block block) {
  if (Block* twin = find(block)) {
    if (block.top > twin->top) {
      twin->logps = std::move(block.logps);
      twin->top = block.top;
    }
    take(*twin);
    return twin;
  }
  block.key = key_of(block);
  if (blocks_.count(block.key) > 0) { return nullptr; }
  if (block.parent != nullptr) { ++block.parent->children; }
  block.users = 1;
  return (blocks_[block.key] = std::make_unique<Block>(std::move(block))).get();
}

void PrefixCache::release(const std::vector<Block*>& blocks) {
  for (auto at = blocks.rbegin(); at != blocks.rend(); ++at) {  // the last block first: it is evicted first
    Block& block = **at;
    check(block.users > 0, "PrefixCache: a block is released twice");
    if (--block.users == 0) { block.idle = idle_.insert(idle_.end(), &block); }
  }
}

void PrefixCache::drop(Block& block, SlotPool& pool) {
  check(block.users == 0 && block.children == 0, "PrefixCache: a block goes before its children");
  idle_.erase(block.idle);
  if (block.parent != nullptr) { --block.parent->children; }
  pool.give_back(block.begin, kBlockTokens);
  blocks_.erase(block.key);
}

bool PrefixCache::evict(SlotPool& pool) {
  if (idle_.empty()) { return false; }
  drop(*idle_.front(), pool);
  return true;
}

void PrefixCache::forget(std::uint64_t weights, SlotPool& pool) {
  const std::vector<Block*> idle(idle_.begin(), idle_.end());  // children come before their parents
  for (Block* block : idle) {
    if (block->weights == weights && block->children == 0) { drop(*block, pool); }
  }
}

}  // namespace una::generate
