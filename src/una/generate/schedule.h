#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/generate/engine.h"
#include "una/generate/slot_pool.h"
#include "una/generate/stop_text.h"

namespace una::generate {

// One prompt and its cached keys and values, shared by every request that has it.
struct Prompt {
  std::vector<std::int32_t> ids;
  std::int64_t waiting = 0, running = 0;  // requests
  std::int64_t begin = -1;                // its slots; -1: not in the cache
  at::Tensor last;                        // [1, C] hidden state of the last token; undefined until computed

  std::int64_t size() const { return static_cast<std::int64_t>(ids.size()); }
};

// A request between add() and its output.
struct Run {
  Request request;
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
};

// Who waits, who runs, and which cache slots they hold. Requests start in the order of add().
class Schedule {
 public:
  Schedule(const Engine::Options& options, std::int64_t slots);
  void add(std::unique_ptr<Run> run);
  // Moves waiting requests to running while the batch, the prefill budget and the slots allow. Returns the
  // prompts that must be computed in this step. At least one request starts when none is running.
  std::vector<std::shared_ptr<Prompt>> admit();
  std::unique_ptr<Run> finish(std::size_t index);  // takes running()[index] out; its slots are free
  std::vector<std::unique_ptr<Run>>& running() { return running_; }
  bool done() const { return running_.empty() && waiting_.empty(); }
  std::int64_t wanted_slots() const;  // for what is known now: the largest request times the requests at once
  std::int64_t slots() const { return pool_.slots(); }
  void grow(std::int64_t slots) { pool_.grow(slots); }

 private:
  bool place(Run& run, bool& fresh);
  std::int64_t take(std::int64_t count, const Prompt* keep);
  bool drop_idle_prompt(const Prompt* keep);
  void drop(Prompt& prompt);
  void forget(const std::shared_ptr<Prompt>& prompt);

  Engine::Options options_;
  SlotPool pool_;
  std::int64_t longest_ = 0;  // slots of the largest request so far, its prompt included
  std::deque<std::unique_ptr<Run>> waiting_;
  std::vector<std::unique_ptr<Run>> running_;
  std::unordered_map<std::string, std::shared_ptr<Prompt>> prompts_;  // by the bytes of their ids
};

}  // namespace una::generate
