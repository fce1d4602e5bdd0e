#include "una/generate/schedule.h"

#include <algorithm>
#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"

namespace una::generate {
namespace {

std::string key_of(const Prompt& prompt) {
  const std::string ids(reinterpret_cast<const char*>(prompt.ids.data()),
                        prompt.ids.size() * sizeof(std::int32_t));
  return cat(prompt.adapter, ' ', prompt.top, ' ') + ids;
}

// The adapter as the prefix cache knows it. Ids are never given again, so this names the weights.
std::uint64_t weights_of(const Prompt& prompt) { return static_cast<std::uint64_t>(prompt.adapter); }

}  // namespace

std::vector<KeyRange> Prompt::keys() const {
  std::vector<KeyRange> out;
  const auto join = [&](std::int64_t from, std::int64_t count) {
    const auto first = static_cast<std::int32_t>(from), end = static_cast<std::int32_t>(from + count);
    if (count == 0) { return; }
    if (!out.empty() && out.back().end == first) {
      out.back().end = end;
    } else {
      out.push_back({first, end});
    }
  };
  for (const Block* block : blocks) { join(block->begin, kBlockTokens); }
  join(begin, own_slots());
  return out;
}

Schedule::Schedule(const Engine::Options& options, std::int64_t slots, bool prefix_cache)
    : options_(options), pool_(slots), prefix_cache_(prefix_cache) {}

void Schedule::add(std::unique_ptr<Run> run) {
  Prompt wanted{.ids = run->request.prompt, .adapter = run->adapter};
  wanted.top = run->request.prompt_logps.value_or(-1);
  std::shared_ptr<Prompt>& prompt = prompts_[key_of(wanted)];
  if (!prompt) { prompt = std::make_shared<Prompt>(std::move(wanted)); }
  ++prompt->waiting;
  run->prompt = prompt;
  longest_ = std::max(longest_, prompt->size() + run->own_slots());
  waiting_tokens_ += run->tokens();
  waiting_.push_back(std::move(run));
}

std::int64_t Schedule::wanted_slots() const {
  const auto known = static_cast<std::int64_t>(waiting_.size() + running_.size());
  return longest_ * std::min(options_.max_batch, known);
}

void Schedule::drop(Prompt& prompt) {
  if (!prompt.placed) { return; }
  pool_.give_back(prompt.begin, prompt.own_slots());
  cache_.release(prompt.blocks);
  prompt.blocks.clear();
  prompt.begin = -1;
  prompt.placed = false;
  prompt.last = at::Tensor();
  prompt.logps.reset();
}

// Takes the slots of one prompt that only waiting requests have; it is computed again later.
bool Schedule::drop_idle_prompt(const Prompt* keep) {
  for (const auto& [key, prompt] : prompts_) {
    if (!prompt->placed || prompt->running > 0 || prompt.get() == keep) { continue; }
    drop(*prompt);
    return true;
  }
  return false;
}

std::int64_t Schedule::take(std::int64_t count, const Prompt* keep) {
  std::int64_t begin = pool_.take(count);
  while (begin < 0) {
    // Where even all idle blocks would not do, they stay.
    const bool enough = pool_.free_slots() + cache_.idle_slots() >= count;
    if (!(enough && cache_.evict(pool_)) && !drop_idle_prompt(keep)) { break; }
    begin = pool_.take(count);
  }
  return begin;
}

// Slots for a prompt that is not in the cache, what the prefix cache has of it left out, and for its run:
// together, so that they are one range of keys.
bool Schedule::place_fresh(Run& run, bool with_blocks) {
  Prompt& prompt = *run.prompt;
  if (with_blocks) { prompt.blocks = cache_.hold(weights_of(prompt), prompt.ids, prompt.top); }
  const std::int64_t begin = take(prompt.own_slots() + run.own_slots(), &prompt);
  if (begin < 0) {
    cache_.release(prompt.blocks);
    prompt.blocks.clear();
    return false;
  }
  prefix_queries_ += prompt.size();
  prefix_hits_ += prompt.in_blocks();
  prompt.placed = true;
  prompt.begin = begin;
  run.begin = begin + prompt.own_slots();
  return true;
}

// Finds slots for the run, and for its prompt when that is not in the cache (then `fresh`).
bool Schedule::place(Run& run, bool& fresh) {
  Prompt& prompt = *run.prompt;
  fresh = !prompt.placed;
  if (!fresh) {
    run.begin = take(run.own_slots(), &prompt);
    // In an otherwise empty cache the prompt itself may split the free slots.
    if (run.begin >= 0 || !running_.empty()) { return run.begin >= 0; }
    drop(prompt);
    fresh = true;
  }
  if (prefix_cache_ && place_fresh(run, true)) { return true; }
  // The blocks that it would use may split the free slots of an otherwise empty cache, too.
  return (!prefix_cache_ || running_.empty()) && place_fresh(run, false);
}

std::vector<std::shared_ptr<Prompt>> Schedule::admit() {
  std::vector<std::shared_ptr<Prompt>> out;
  std::int64_t tokens = 0;
  while (!waiting_.empty() && static_cast<std::int64_t>(running_.size()) < options_.max_batch) {
    Run& run = *waiting_.front();
    const bool cached = run.prompt->placed;
    if (!cached && tokens > 0 && tokens + run.prompt->size() > options_.prefill_tokens) { break; }
    bool fresh = false;
    if (!place(run, fresh)) {
      check(!running_.empty(), "a request does not fit an empty cache");
      break;
    }
    if (fresh) {
      out.push_back(run.prompt);
      tokens += run.prompt->own_slots();
    }
    --run.prompt->waiting;
    ++run.prompt->running;
    waiting_tokens_ -= run.tokens();
    running_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  return out;
}

void Schedule::keep_blocks(Prompt& prompt, const at::Tensor& states) {
  if (!prefix_cache_) { return; }
  const std::int64_t known = prompt.in_blocks(), first = prompt.begin;
  for (std::int64_t at = known; at + kBlockTokens <= prompt.size(); at += kBlockTokens) {
    Block block{.parent = prompt.blocks.empty() ? nullptr : prompt.blocks.back(),
                .weights = weights_of(prompt),
                .begin = first + at - known,
                .last = states.narrow(0, at - known + kBlockTokens - 1, 1).clone(),
                .top = prompt.top};
    std::copy_n(prompt.ids.begin() + at, kBlockTokens, block.ids.begin());
    if (prompt.top >= 0) {
      block.logps.assign(prompt.logps->begin() + at, prompt.logps->begin() + at + kBlockTokens);
    }
    const std::int64_t begin = block.begin;
    Block* kept = cache_.add(std::move(block));
    if (kept == nullptr) { break; }
    if (kept->begin != begin) { pool_.give_back(begin, kBlockTokens); }
    prompt.blocks.push_back(kept);
    prompt.begin = begin + kBlockTokens;
  }
}

void Schedule::forget(const std::shared_ptr<Prompt>& prompt) {
  if (prompt->waiting > 0 || prompt->running > 0) { return; }
  drop(*prompt);
  prompts_.erase(key_of(*prompt));
}

std::vector<KeyRange> Schedule::held() const {
  std::vector<KeyRange> out;
  const auto add = [&](std::int64_t begin, std::int64_t count) {
    out.push_back({static_cast<std::int32_t>(begin), static_cast<std::int32_t>(begin + count)});
  };
  for (const auto& [key, prompt] : prompts_) {
    if (prompt->placed) { add(prompt->begin, prompt->own_slots()); }
  }
  for (const auto& run : running_) { add(run->begin, run->own_slots()); }
  return out;
}

// A running request's slots are free again.
void Schedule::leave(Run& run) {
  pool_.give_back(run.begin, run.own_slots());
  --run.prompt->running;
  forget(run.prompt);
}

std::unique_ptr<Run> Schedule::finish(std::size_t index) {
  std::unique_ptr<Run> run = std::move(running_[index]);
  running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(index));
  leave(*run);
  return run;
}

bool Schedule::cancel(std::uint64_t ticket) {
  for (std::size_t i = 0; i < running_.size(); ++i) {
    if (running_[i]->output.ticket != ticket) { continue; }
    finish(i);
    return true;
  }
  for (auto at = waiting_.begin(); at != waiting_.end(); ++at) {
    if ((*at)->output.ticket != ticket) { continue; }
    const std::shared_ptr<Prompt> prompt = (*at)->prompt;
    waiting_tokens_ -= (*at)->tokens();
    waiting_.erase(at);
    --prompt->waiting;
    forget(prompt);
    return true;
  }
  return false;
}

void Schedule::forget(model::AdapterId adapter) { cache_.forget(static_cast<std::uint64_t>(adapter), pool_); }

}  // namespace una::generate
