#include "una/generate/schedule.h"

#include <algorithm>
#include <utility>

#include "una/base/error.h"

namespace una::generate {
namespace {

std::string key_of(const std::vector<std::int32_t>& ids) {
  return {reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(std::int32_t)};
}

}  // namespace

Schedule::Schedule(const Engine::Options& options, std::int64_t slots) : options_(options), pool_(slots) {}

void Schedule::add(std::unique_ptr<Run> run) {
  std::shared_ptr<Prompt>& prompt = prompts_[key_of(run->request.prompt)];
  if (!prompt) {
    prompt = std::make_shared<Prompt>();
    prompt->ids = run->request.prompt;
  }
  ++prompt->waiting;
  run->prompt = prompt;
  longest_ = std::max(longest_, prompt->size() + run->own_slots());
  waiting_.push_back(std::move(run));
}

std::int64_t Schedule::wanted_slots() const {
  const auto known = static_cast<std::int64_t>(waiting_.size() + running_.size());
  return longest_ * std::min(options_.max_batch, known);
}

void Schedule::drop(Prompt& prompt) {
  if (prompt.begin < 0) { return; }
  pool_.give_back(prompt.begin, prompt.size());
  prompt.begin = -1;
  prompt.last = at::Tensor();
}

// Takes the slots of one prompt that only waiting requests have; it is computed again later.
bool Schedule::drop_idle_prompt(const Prompt* keep) {
  for (const auto& [key, prompt] : prompts_) {
    if (prompt->begin < 0 || prompt->running > 0 || prompt.get() == keep) { continue; }
    drop(*prompt);
    return true;
  }
  return false;
}

std::int64_t Schedule::take(std::int64_t count, const Prompt* keep) {
  std::int64_t begin = pool_.take(count);
  while (begin < 0 && drop_idle_prompt(keep)) { begin = pool_.take(count); }
  return begin;
}

// Finds slots for the run, and for its prompt when that is not in the cache (then `fresh`).
bool Schedule::place(Run& run, bool& fresh) {
  Prompt& prompt = *run.prompt;
  fresh = prompt.begin < 0;
  if (!fresh) {
    run.begin = take(run.own_slots(), &prompt);
    // In an otherwise empty cache the prompt itself may split the free slots.
    if (run.begin >= 0 || !running_.empty()) { return run.begin >= 0; }
    drop(prompt);
    fresh = true;
  }
  // Together, so that prompt and answer are one range of keys.
  const std::int64_t begin = take(prompt.size() + run.own_slots(), &prompt);
  if (begin < 0) { return false; }
  prompt.begin = begin;
  run.begin = begin + prompt.size();
  return true;
}

std::vector<std::shared_ptr<Prompt>> Schedule::admit() {
  std::vector<std::shared_ptr<Prompt>> out;
  std::int64_t tokens = 0;
  while (!waiting_.empty() && static_cast<std::int64_t>(running_.size()) < options_.max_batch) {
    Run& run = *waiting_.front();
    const bool cached = run.prompt->begin >= 0;
    if (!cached && tokens > 0 && tokens + run.prompt->size() > options_.prefill_tokens) { break; }
    bool fresh = false;
    if (!place(run, fresh)) {
      check(!running_.empty(), "a request does not fit an empty cache");
      break;
    }
    if (fresh) {
      out.push_back(run.prompt);
      tokens += run.prompt->size();
    }
    --run.prompt->waiting;
    ++run.prompt->running;
    running_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  return out;
}

void Schedule::forget(const std::shared_ptr<Prompt>& prompt) {
  if (prompt->waiting > 0 || prompt->running > 0) { return; }
  drop(*prompt);
  prompts_.erase(key_of(prompt->ids));
}

std::unique_ptr<Run> Schedule::finish(std::size_t index) {
  std::unique_ptr<Run> run = std::move(running_[index]);
  running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(index));
  pool_.give_back(run->begin, run->own_slots());
  --run->prompt->running;
  forget(run->prompt);
  return run;
}

}  // namespace una::generate
