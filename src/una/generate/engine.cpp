#include "una/generate/engine.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/generate/sampler.h"
#include "una/generate/schedule.h"

namespace una::generate {
namespace {

// What one step feeds to the model.
struct Feed {
  std::vector<std::int64_t> tokens, positions, slots;
  std::vector<Segment> segments;

  void add(std::int64_t token, std::int64_t position, std::int64_t slot) {
    tokens.push_back(token);
    positions.push_back(position);
    slots.push_back(slot);
  }
};

KeyRange range(std::int64_t begin, std::int64_t count) {
  return {static_cast<std::int32_t>(begin), static_cast<std::int32_t>(begin + count)};
}

std::int32_t row(const Feed& feed) { return static_cast<std::int32_t>(feed.tokens.size()); }

// A whole prompt; returns the row of its last token.
std::int64_t feed_prompt(Feed& feed, const Prompt& prompt) {
  const std::int32_t begin = row(feed);
  for (std::int64_t i = 0; i < prompt.size(); ++i) {
    feed.add(prompt.ids[static_cast<std::size_t>(i)], i, prompt.begin + i);
  }
  feed.segments.push_back({begin, row(feed), {range(prompt.begin, prompt.size())}});
  return row(feed) - 1;
}

// The whole sequence into the run's own slots; returns the row of its last token.
std::int64_t feed_again(Feed& feed, const Run& run) {
  const std::int32_t begin = row(feed);
  std::int64_t position = 0;
  const std::vector<std::int32_t>* const parts[] = {&run.prompt->ids, &run.output.ids};
  for (const auto* part : parts) {
    for (const std::int32_t id : *part) {
      feed.add(id, position, run.begin + position);
      ++position;
    }
  }
  feed.segments.push_back({begin, row(feed), {range(run.begin, position)}});
  return row(feed) - 1;
}

// The token that was sampled last; returns its row.
std::int64_t feed_token(Feed& feed, const Run& run) {
  const Prompt& prompt = *run.prompt;
  const auto cached = static_cast<std::int64_t>(run.output.ids.size());  // own tokens, this one included
  const std::int64_t length = prompt.size() + cached, own = run.begin + run.prompt_copy();
  if (length == run.recompute_at) { return feed_again(feed, run); }
  const std::int32_t begin = row(feed);
  feed.add(run.output.ids.back(), length - 1, own + cached - 1);
  Segment segment{begin, begin + 1, {}};
  if (run.recompute_at > 0 && length > run.recompute_at) {
    segment.keys = {range(run.begin, length)};
  } else {  // the prompt apart, even where its own tokens follow: all its samples then start alike

    segment.keys = {range(prompt.begin, prompt.size()), range(own, cached)};
  }
  feed.segments.push_back(std::move(segment));
  return begin;
}

// The length at which longrope makes the request's sequence long while it grows; 0: it stays as it is.
std::int64_t turning_length(const ModelSpec& spec, std::int64_t prompt, std::int64_t most_new) {
  const std::int64_t original = spec.rope.original_max_positions;
  const bool turns = spec.recompute_at_long_rope && prompt <= original && prompt + most_new - 1 > original;
  return turns ? original + 1 : 0;
}

}  // namespace

// What runs, what waits, and the cache.
struct Engine::Impl {
  Impl(model::Model& the_model, const text::Tokenizer* the_tokenizer, const Options& the_options)
      : model(the_model),
        tokenizer(the_tokenizer),
        options(the_options),
        schedule(the_options, the_options.cache_tokens) {}

  void fit_cache();
  at::Tensor next_hidden(const std::vector<std::shared_ptr<Prompt>>& fresh);
  void append(const at::Tensor& logits);
  std::vector<Output> collect();
  Output finished(const Run& run) const;

  model::Model& model;
  const text::Tokenizer* tokenizer;
  Options options;
  Schedule schedule;
  std::unique_ptr<model::KvCache> cache;
  std::vector<Output> empty_answers;  // of requests for no tokens
  std::function<void(const Output&)> listener;
  std::uint64_t next_ticket = 0;
  std::int64_t prompt_tokens = 0, new_tokens = 0;
};

// The cache has the size that was asked for, or grows with what is known to wait. Slots that were never used
// cost no memory: the allocator's pages are untouched.
void Engine::Impl::fit_cache() {
  if (options.cache_tokens == 0) {
    const std::int64_t wanted = schedule.wanted_slots();
    if (wanted > schedule.slots()) { schedule.grow(std::max(wanted, schedule.slots() * 3 / 2)); }
  }
  if (cache && cache->slots() == schedule.slots()) { return; }
  auto larger = std::make_unique<model::KvCache>(model, schedule.slots());
  for (std::int64_t layer = 0; cache && layer < model.spec().num_layers; ++layer) {
    larger->keys(layer).narrow(0, 0, cache->slots()).copy_(cache->keys(layer));
    larger->values(layer).narrow(0, 0, cache->slots()).copy_(cache->values(layer));
  }
  cache = std::move(larger);
}

// The hidden state from which each running request's next token is drawn, [running, C]: one forward pass over
// the new prompts and the tokens sampled last.
at::Tensor Engine::Impl::next_hidden(const std::vector<std::shared_ptr<Prompt>>& fresh) {
  Feed feed;
  std::vector<std::int64_t> last_rows;
  for (const auto& prompt : fresh) { last_rows.push_back(feed_prompt(feed, *prompt)); }
  prompt_tokens += row(feed);
  std::vector<std::int64_t> token_rows;
  for (const auto& run : schedule.running()) {
    token_rows.push_back(run->output.ids.empty() ? -1 : feed_token(feed, *run));
  }
  at::Tensor states;
  if (!feed.tokens.empty()) {
    states = model.hidden_cached(at::tensor(feed.tokens), at::tensor(feed.positions), feed.segments,
                                 at::tensor(feed.slots), *cache, {.adapter = options.adapter});
  }
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    fresh[i]->last = states.narrow(0, last_rows[i], 1).clone();
  }
  std::vector<at::Tensor> rows;
  for (std::size_t i = 0; i < token_rows.size(); ++i) {
    rows.push_back(token_rows[i] < 0 ? schedule.running()[i]->prompt->last
                                     : states.narrow(0, token_rows[i], 1));
  }
  return at::cat(rows, 0);
}

void Engine::Impl::append(const at::Tensor& logits) {
  std::vector<RowChoice> choices;
  for (const auto& run : schedule.running()) {
    const SamplingParams& params = run->request.params;
    const auto position = static_cast<std::int64_t>(run->output.ids.size());
    choices.push_back({&params, token_uniform(params, run->request.id, run->request.sample, position),
                       position < params.min_new_tokens, run->prompt->ids, run->output.ids});
  }
  const std::vector<Draw> draws = draw_tokens(logits, choices);
  for (std::size_t i = 0; i < draws.size(); ++i) {
    Output& output = schedule.running()[i]->output;
    output.ids.push_back(draws[i].token);
    output.logps.push_back(draws[i].logp);
    output.processed_logps.push_back(draws[i].processed_logp);
  }
  new_tokens += static_cast<std::int64_t>(draws.size());
}

Output Engine::Impl::finished(const Run& run) const {
  Output out = run.output;
  const bool at_stop = out.finish == Output::Finish::kStop;
  out.text = run.stop_text.text(out.ids, out.finish == Output::Finish::kEos ? 1 : 0, at_stop);
  return out;
}

namespace {

// Whether the run ends with its newest token, and why.
bool ends(Run& run) {
  const SamplingParams& params = run.request.params;
  Output& output = run.output;
  const auto size = static_cast<std::int64_t>(output.ids.size());
  const auto& stops = params.stop_ids;
  if (std::find(stops.begin(), stops.end(), output.ids.back()) != stops.end()) {
    output.finish = Output::Finish::kEos;
    return true;
  }
  if (run.stop_text.push(output.ids, size >= params.min_new_tokens)) {
    output.finish = Output::Finish::kStop;
    return true;
  }
  output.finish = Output::Finish::kLength;
  return size >= run.most_new;
}

}  // namespace

std::vector<Output> Engine::Impl::collect() {
  std::vector<Output> out = std::exchange(empty_answers, {});
  for (std::size_t i = 0; i < schedule.running().size();) {
    if (ends(*schedule.running()[i])) {
      out.push_back(finished(*schedule.finish(i)));
    } else {
      if (listener) { listener(schedule.running()[i]->output); }
      ++i;
    }
  }
  return out;
}

void check_sampling(const SamplingParams& params) {
  check_input(params.max_new_tokens >= 0, "max_new_tokens is ", params.max_new_tokens,
              ", but must not be negative");
  check_input(params.temperature >= 0, "temperature is ", params.temperature, ", but must be 0 or more");
  check_input(params.top_p > 0 && params.top_p <= 1, "top_p is ", params.top_p,
              ", but must be above 0 and at most 1");
  check_input(params.top_k >= 0, "top_k is ", params.top_k, ", but must be 0 (off) or more");
  check_input(params.min_p >= 0 && params.min_p <= 1, "min_p is ", params.min_p,
              ", but must be between 0 (off) and 1");
  check_input(params.repetition_penalty > 0, "repetition_penalty is ", params.repetition_penalty,
              ", but must be above 0 (1: off)");
  for (const std::string& stop : params.stop) { check_input(!stop.empty(), "a stop string is empty"); }
}

Engine::Engine(model::Model& model, const text::Tokenizer* tokenizer, const Options& options)
    : impl_(std::make_unique<Impl>(model, tokenizer, options)) {
  check_input(options.max_batch > 0, "max_batch is ", options.max_batch, ", but must be at least 1");
  check(options.cache_tokens >= 0 && options.prefill_tokens > 0, "Engine::Options: a size is out of range");
}

Engine::~Engine() = default;

std::uint64_t Engine::add(Request request) {
  check_sampling(request.params);
  check_input(request.params.stop.empty() || impl_->tokenizer != nullptr, "stop strings need a tokenizer");
  const std::int64_t positions = impl_->model.spec().position_limit();
  const auto size = static_cast<std::int64_t>(request.prompt.size());
  check_input(size > 0, "request ", request.id, ": the prompt has no tokens");
  check_input(size < positions, "request ", request.id, ": the prompt has ", size,
              " tokens, which leaves no room for an answer in the model's ", positions, " positions");
  StopText stop_text(impl_->tokenizer, request.params.stop, request.prompt);
  auto run = std::make_unique<Run>(Run{.request = std::move(request), .stop_text = std::move(stop_text)});
  run->most_new = std::min(run->request.params.max_new_tokens, positions - size);
  run->recompute_at = turning_length(impl_->model.spec(), size, run->most_new);
  run->output.id = run->request.id;
  run->output.sample = run->request.sample;
  const std::int64_t limit = impl_->options.cache_tokens, need = size + run->own_slots();
  check_input(limit == 0 || need <= limit, "request ", run->request.id, " needs ", need,
              " slots of a cache of ", limit,
              "; raise cache_tokens or "
              "lower max_new_tokens");
  const std::uint64_t ticket = run->output.ticket = impl_->next_ticket++;
  if (run->most_new == 0) {
    impl_->empty_answers.push_back(run->output);
  } else {
    impl_->schedule.add(std::move(run));
  }
  return ticket;
}

std::vector<Output> Engine::step() {
  const at::NoGradGuard no_grad;
  if (impl_->schedule.done()) { return std::exchange(impl_->empty_answers, {}); }
  impl_->fit_cache();
  const std::vector<std::shared_ptr<Prompt>> fresh = impl_->schedule.admit();
  impl_->append(impl_->model.logits(impl_->next_hidden(fresh), impl_->options.adapter));
  return impl_->collect();
}

void Engine::on_token(std::function<void(const Output&)> listener) { impl_->listener = std::move(listener); }

bool Engine::done() const { return impl_->schedule.done() && impl_->empty_answers.empty(); }

std::int64_t Engine::prompt_tokens() const { return impl_->prompt_tokens; }

std::int64_t Engine::new_tokens() const { return impl_->new_tokens; }

std::vector<Output> generate_all(Engine& engine, std::vector<Request> requests) {
  check(engine.done(), "generate_all: the engine still has other requests");
  std::vector<Output> out(requests.size());
  std::uint64_t first = 0;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const std::uint64_t ticket = engine.add(std::move(requests[i]));
    if (i == 0) { first = ticket; }
  }
  while (!engine.done()) {
    for (Output& output : engine.step()) { out[output.ticket - first] = std::move(output); }
  }
  return out;
}

}  // namespace una::generate
