#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/core/packed_batch.h"
#include "una/generate/engine.h"
#include "una/generate/prefix_cache.h"
#include "una/generate/slot_pool.h"
#include "una/generate/stop_text.h"

namespace una::generate {

// One prompt and its cached keys and values, shared by every request that has it under the same weights.
struct Prompt {
  std::vector<std::int32_t> ids;
  model::AdapterId adapter = model::kNoAdapter;
  std::int64_t top = -1;                  // alternatives of its ids' log-probs; -1: no log-probs are wanted
  std::int64_t waiting = 0, running = 0;  // requests
  bool placed = false;                    // in the cache: in blocks, then in slots of its own
  std::vector<Block*> blocks;             // of its first ids, held
  std::int64_t begin = -1;                // the slots of the ids behind the blocks
  at::Tensor last;                        // [1, C] hidden state of the last token; undefined until computed
  std::shared_ptr<const std::vector<TokenLogps>> logps;  // null until computed

  std::int64_t size() const { return static_cast<std::int64_t>(ids.size()); }
  std::int64_t in_blocks() const { return static_cast<std::int64_t>(blocks.size()) * kBlockTokens; }
  std::int64_t own_slots() const { return size() - in_blocks(); }
  std::vector<KeyRange> keys() const;  // of all its ids, neighbours joined
};

// A request between add() and its output.
struct Run {
  Request request;
  model::AdapterId adapter = model::kNoAdapter;  // the request's, else the engine's
  std::shared_ptr<Prompt> prompt;
  std::int64_t most_new = 0;  // tokens it may sample: max_new_tokens, cut at the model's positions
  // Longrope that recomputes a sequence when it becomes long: the length at which this one does; 0: never.
  // Such a run has slots of its own for the whole sequence.
  std::int64_t recompute_at = 0;
  std::int64_t begin = -1;  // its own slots
  Output output;
  StopText stop_text;

  // Own slots before those of the sampled tokens.
  std::int64_t prompt_copy() const {
    return recompute_at > 0 ? static_cast<std::int64_t>(request.prompt.size()) : 0;
  }
  std::int64_t own_slots() const { return prompt_copy() + (most_new > 1 ? most_new - 1 : 0); }
  std::int64_t tokens() const { return std::ssize(request.prompt) + most_new; }
};

// Who waits, who runs, and which cache slots they hold. Requests start in the order of add().
class Schedule {
 public:
  Schedule(const Engine::Options& options, std::int64_t slots, bool prefix_cache);
  void add(std::unique_ptr<Run> run);
  // Moves waiting requests to running while the batch, the prefill budget and the slots allow. Returns the
  // prompts that must be computed in this step. At least one request starts when none is running.
  std::vector<std::shared_ptr<Prompt>> admit();
  // A computed prompt's whole blocks go into the prefix cache. `states` [tokens, C]: those of its fresh ids.
  void keep_blocks(Prompt& prompt, const at::Tensor& states);
  std::unique_ptr<Run> finish(std::size_t index);  // takes running()[index] out; its slots are free
  bool cancel(std::uint64_t ticket);               // wherever the request is; false: nowhere
  void forget(model::AdapterId adapter);           // what the prefix cache holds of it
  std::vector<std::unique_ptr<Run>>& running() { return running_; }
  bool done() const { return running_.empty() && waiting_.empty(); }
  std::int64_t wanted_slots() const;  // for what is known now: the largest request times the requests at once
  std::int64_t slots() const { return pool_.slots(); }
  std::int64_t used_slots() const { return pool_.slots() - pool_.free_slots() - cache_.idle_slots(); }
  std::int64_t waiting() const { return std::ssize(waiting_); }
  std::int64_t waiting_tokens() const { return waiting_tokens_; }
  bool caches_prefixes() const { return prefix_cache_; }
  std::int64_t prefix_queries() const { return prefix_queries_; }
  std::int64_t prefix_hits() const { return prefix_hits_; }
  std::vector<KeyRange> held() const;  // the slots of placed prompts and of running requests
  void grow(std::int64_t slots) { pool_.grow(slots); }

 private:
  bool place(Run& run, bool& fresh);
  bool place_fresh(Run& run, bool with_blocks);
  void leave(Run& run);
  std::int64_t take(std::int64_t count, const Prompt* keep);
  bool drop_idle_prompt(const Prompt* keep);
  void drop(Prompt& prompt);
  void forget(const std::shared_ptr<Prompt>& prompt);

  Engine::Options options_;
  SlotPool pool_;
  bool prefix_cache_;
  PrefixCache cache_;
  std::int64_t waiting_tokens_ = 0, prefix_queries_ = 0, prefix_hits_ = 0;
  std::int64_t longest_ = 0;  // slots of the largest request so far, its prompt included
  std::deque<std::unique_ptr<Run>> waiting_;
  std::vector<std::unique_ptr<Run>> running_;
  std::unordered_map<std::string, std::shared_ptr<Prompt>> prompts_;  // by adapter, log-probs and ids
};

}  // namespace una::generate
