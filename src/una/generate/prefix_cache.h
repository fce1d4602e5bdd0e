#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/generate/slot_pool.h"
#include "una/generate/token_logps.h"

namespace una::generate {

inline constexpr std::int64_t kBlockTokens = 16;

// Keys and values of 16 ids of a prompt behind other blocks, in 16 neighbouring cache slots.
struct Block {
  Block* parent = nullptr;    // the 16 ids before these; null: the block begins a prompt
  std::uint64_t weights = 0;  // the adapter whose keys and values these are
  std::array<std::int32_t, kBlockTokens> ids = {};
  std::int64_t begin = 0;                 // its first slot
  at::Tensor last = {};                   // [1, C] hidden state of its last id: predicts what comes next
  std::vector<TokenLogps> logps = {};     // of its ids, with `top` alternatives each; empty: not computed
  std::int64_t top = -1;                  // -1: no log-probs
  std::uint64_t key = 0;                  // of (weights, parent's key, ids)
  std::int64_t users = 0;                 // prompts that hold it
  std::int64_t children = 0;              // blocks whose parent it is
  std::list<Block*>::iterator idle = {};  // its place in the list of idle blocks, where users is 0
};

// Blocks of earlier prompts by the hash chain of their ids and weights; a hit is compared id by id, so a
// collision is a miss. Blocks that no prompt holds stay until their slots are needed, the least recently used
// first; a block goes before its parent. Not thread-safe.
class PrefixCache {
 public:
  // The longest chain of blocks that begins `ids`, held for the caller. `top` >= 0: only blocks that have
  // log-probs with so many alternatives.
  std::vector<Block*> hold(std::uint64_t weights, std::span<const std::int32_t> ids, std::int64_t top);
  // Makes a block of computed slots behind its parent, which the caller holds. Returns the block to hold from
  // now on: the new one, or an equal one that exists (the caller's slots are then its own still); null on a
  // collision of hashes.
  Block* add(Block block);
  void release(const std::vector<Block*>& blocks);
  // Gives the slots of the least recently used idle block back; false: no block is idle.
  bool evict(SlotPool& pool);
  // Evicts what was computed by these weights, except for blocks that are held.
  void forget(std::uint64_t weights, SlotPool& pool);
  std::int64_t size() const { return static_cast<std::int64_t>(blocks_.size()); }
  std::int64_t idle_slots() const { return static_cast<std::int64_t>(idle_.size()) * kBlockTokens; }

 private:
  Block* find(const Block& like);
  void take(Block& block);
  void drop(Block& block, SlotPool& pool);

  std::unordered_map<std::uint64_t, std::unique_ptr<Block>> blocks_;  // by key
  std::list<Block*> idle_;  // the least recently used first; a parent behind its children
};

}  // namespace una::generate
