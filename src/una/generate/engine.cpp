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
#include "una/model/mixers/recurrent_states.h"

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

// What of a prompt is not in blocks of the prefix cache; returns the row of its last token.
std::int64_t feed_prompt(Feed& feed, const Prompt& prompt) {
  const std::int32_t begin = row(feed);
  for (std::int64_t i = prompt.in_blocks(); i < prompt.size(); ++i) {
    feed.add(prompt.ids[static_cast<std::size_t>(i)], i, prompt.begin + i - prompt.in_blocks());
  }
  feed.segments.push_back({begin, row(feed), prompt.keys()});
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
    segment.keys = prompt.keys();
    segment.keys.push_back(range(own, cached));
  }
  feed.segments.push_back(std::move(segment));
  return begin;
}

// Cached keys of a prefix serve every sequence that begins with it only where their angles do not depend on the
// sequence's length, and where no layer has a state, which is there for the ends of prompts alone.
bool may_share_prefixes(const ModelSpec& spec) {
  const bool states =
      std::find(spec.mixers.begin(), spec.mixers.end(), Mixer::kGatedDeltaRule) != spec.mixers.end();
  return !spec.rope.depends_on_length() && !spec.local_rope.depends_on_length() && !states;
}

// The length at which longrope makes the request's sequence long while it grows; 0: it stays as it is.
std::int64_t turning_length(const ModelSpec& spec, std::int64_t prompt, std::int64_t most_new) {
  const std::int64_t original = spec.rope.original_max_positions;
  const bool turns = spec.recompute_at_long_rope && prompt <= original && prompt + most_new - 1 > original;
  return turns ? original + 1 : 0;
}

// The rows of one adapter in a step.
struct Group {
  model::AdapterId adapter = model::kNoAdapter;
  Feed feed = {};
  std::vector<std::pair<Prompt*, std::int64_t>> prompts = {};  // with the row of its first fresh token
  std::vector<std::pair<Run*, std::int64_t>> runs =
      {};  // that draw a token; the row to draw from, -1: the prompt's
};

Group& group_of(std::vector<Group>& groups, model::AdapterId adapter) {
  for (Group& group : groups) {
    if (group.adapter == adapter) { return group; }
  }
  groups.push_back({.adapter = adapter});
  return groups.back();
}

}  // namespace

// What runs, what waits, and the cache.
struct Engine::Impl {
  Impl(model::Model& the_model, const text::Tokenizer* the_tokenizer, const Options& the_options)
      : model(the_model),
        tokenizer(the_tokenizer),
        options(the_options),
        schedule(the_options, the_options.cache_tokens,
                 the_options.prefix_cache && may_share_prefixes(the_model.spec())) {}

  void fit_cache();
  std::vector<Group> feed(const std::vector<std::shared_ptr<Prompt>>& fresh);
  void compute(Group& group);
  void take_states(Prompt& prompt, const at::Tensor& states);
  void score(Prompt& prompt, const at::Tensor& states);
  void take_exact_logps(const at::Tensor& raw_logits, std::vector<Draw>& draws) const;
  void append(const at::Tensor& raw_logits, const std::vector<std::pair<Run*, std::int64_t>>& runs);
  std::vector<Output> collect();
  Output finished(const Run& run) const;
  void remove_retired();

  model::Model& model;
  const text::Tokenizer* tokenizer;
  Options options;
  Schedule schedule;
  std::unique_ptr<model::KvCache> cache;
  std::vector<Output> empty_answers;  // of requests for no tokens
  std::vector<AdapterHandle> retired;
  std::function<void(const Output&)> listener;
  std::function<void(std::uint64_t)> starts;
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
  if (cache) { larger->share_states(*cache); }
  cache = std::move(larger);
}

// The new prompts and the tokens sampled last, by adapter.
std::vector<Group> Engine::Impl::feed(const std::vector<std::shared_ptr<Prompt>>& fresh) {
  std::vector<Group> groups;
  for (const auto& prompt : fresh) {
    Group& group = group_of(groups, prompt->adapter);
    group.prompts.emplace_back(prompt.get(), row(group.feed));
    if (prompt->own_slots() > 0) { feed_prompt(group.feed, *prompt); }
    prompt_tokens += prompt->own_slots();
  }
  for (const auto& run : schedule.running()) {
    if (run->most_new == 0) { continue; }  // only its prompt is wanted
    Group& group = group_of(groups, run->adapter);
    group.runs.emplace_back(run.get(), run->output.ids.empty() ? -1 : feed_token(group.feed, *run));
  }
  return groups;
}

// One forward pass over a group, and a token for each of its runs.
void Engine::Impl::compute(Group& group) {
  const Feed& feed = group.feed;
  at::Tensor states;
  if (!feed.tokens.empty()) {
    states = model.hidden_cached(at::tensor(feed.tokens), at::tensor(feed.positions), feed.segments,
                                 at::tensor(feed.slots), *cache, {.adapter = group.adapter});
  }
  for (const auto& [prompt, begin] : group.prompts) {
    const std::int64_t count = prompt->own_slots();
    take_states(*prompt, count > 0 ? states.narrow(0, begin, count) : at::Tensor());
  }
  std::vector<at::Tensor> rows;
  for (const auto& [run, row] : group.runs) {
    rows.push_back(row < 0 ? run->prompt->last : states.narrow(0, row, 1));
  }
  if (!rows.empty()) { append(model.raw_logits(at::cat(rows, 0), group.adapter), group.runs); }
}

// What is kept of a prompt whose fresh tokens have these states (undefined: all of it was in the prefix cache).
void Engine::Impl::take_states(Prompt& prompt, const at::Tensor& states) {
  prompt.last =
      states.defined() ? states.narrow(0, states.size(0) - 1, 1).clone() : prompt.blocks.back()->last;
  if (prompt.top >= 0) { score(prompt, states); }
  if (states.defined()) { schedule.keep_blocks(prompt, states); }
}

constexpr std::int64_t kScoredRows = 64;  // whose logits are in memory at a time

namespace {

// The log-probs of targets by the head's own sums, which are the trainer's; empty where the model is not exact.
std::vector<float> exact_logps(const model::Model& model, const at::Tensor& raw_logits,
                               std::span<const std::int32_t> targets) {
  if (!model.exact()) { return {}; }
  const at::Tensor ids = at::tensor(at::ArrayRef<std::int32_t>(targets.data(), targets.size())).to(at::kLong);
  const at::Tensor logps = model.logps(raw_logits, ids).to(at::kFloat);
  return {logps.const_data_ptr<float>(), logps.const_data_ptr<float>() + logps.numel()};
}

void set_logp(TokenLogps& token, std::int32_t id, float logp) {
  token.logp = logp;
  for (TopLogp& each : token.top) {
    if (each.id == id) { each.logp = logp; }
  }
}

}  // namespace

// The log-probs of a prompt's ids: those in blocks are known, the state before an id gives its own.
void Engine::Impl::score(Prompt& prompt, const at::Tensor& states) {
  auto logps = std::make_shared<std::vector<TokenLogps>>();
  for (const Block* block : prompt.blocks) {
    for (const TokenLogps& known : block->logps) {
      logps->push_back(known);
      if (std::ssize(known.top) > prompt.top) {
        logps->back().top.resize(static_cast<std::size_t>(prompt.top));
      }
    }
  }
  if (logps->empty()) { logps->emplace_back(); }  // nothing comes before the first id
  at::Tensor rows = states;
  if (!prompt.blocks.empty() && states.defined()) { rows = at::cat({prompt.blocks.back()->last, states}, 0); }
  const std::span<const std::int32_t> ids(prompt.ids);
  for (std::int64_t at = 0; std::ssize(*logps) < prompt.size();) {
    const std::int64_t count = std::min(kScoredRows, prompt.size() - std::ssize(*logps));
    const at::Tensor raw = model.raw_logits(rows.narrow(0, at, count), prompt.adapter);
    const auto targets = ids.subspan(logps->size(), static_cast<std::size_t>(count));
    const std::vector<float> exact = exact_logps(model, raw, targets);
    std::vector<TokenLogps> scored = token_logps(model.shaped(raw), targets, prompt.top);
    for (std::size_t i = 0; i < scored.size(); ++i) {
      if (!exact.empty()) { set_logp(scored[i], targets[i], exact[i]); }
      logps->push_back(std::move(scored[i]));
    }
    at += count;
  }
  prompt.logps = std::move(logps);
}

void Engine::Impl::take_exact_logps(const at::Tensor& raw_logits, std::vector<Draw>& draws) const {
  std::vector<std::int32_t> ids;
  for (const Draw& draw : draws) { ids.push_back(draw.token); }
  const std::vector<float> logps = exact_logps(model, raw_logits, ids);
  for (std::size_t i = 0; i < draws.size(); ++i) {
    // Equal where the token was drawn from the unmodified distribution.
    if (draws[i].processed_logp == draws[i].logp) { draws[i].processed_logp = logps[i]; }
    draws[i].logp = logps[i];
  }
}

void Engine::Impl::append(const at::Tensor& raw_logits,
                          const std::vector<std::pair<Run*, std::int64_t>>& runs) {
  const at::Tensor logits = model.shaped(raw_logits);
  std::vector<RowChoice> choices;
  for (const auto& [run, row] : runs) {
    const SamplingParams& params = run->request.params;
    const auto position = static_cast<std::int64_t>(run->output.ids.size());
    choices.push_back({&params, token_uniform(params, run->request.id, run->request.sample, position),
                       position < params.min_new_tokens, run->prompt->ids, run->output.ids});
  }
  std::vector<Draw> draws = draw_tokens(logits, choices);
  if (model.exact()) { take_exact_logps(raw_logits, draws); }
  for (std::size_t i = 0; i < draws.size(); ++i) {
    Output& output = runs[i].first->output;
    output.ids.push_back(draws[i].token);
    output.logps.push_back(draws[i].logp);
    output.processed_logps.push_back(draws[i].processed_logp);
    output.prompt_logps = runs[i].first->prompt->logps;
    const std::int64_t top = runs[i].first->request.top_logps;
    if (top == 0) { continue; }
    const at::Tensor row = logits.narrow(0, static_cast<std::int64_t>(i), 1);
    TokenLogps token = std::move(token_logps(row, {&draws[i].token, 1}, top)[0]);
    set_logp(token, draws[i].token, draws[i].logp);
    output.top.push_back(std::move(token.top));
  }
  new_tokens += static_cast<std::int64_t>(draws.size());
}

Output Engine::Impl::finished(const Run& run) const {
  Output out = run.output;
  out.prompt_logps = run.prompt->logps;
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
  if (run.most_new == 0) { return true; }
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
      out.push_back(finished(*schedule.running()[i]));
      schedule.finish(i);
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
  for (const double penalty : {params.presence_penalty, params.frequency_penalty}) {
    check_input(penalty >= -2 && penalty <= 2,
                "presence_penalty and frequency_penalty must be in [-2, 2], not ", penalty);
  }
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

namespace {

void check_request(const Request& request, std::int64_t positions) {
  check_sampling(request.params);
  const auto size = static_cast<std::int64_t>(request.prompt.size());
  check_input(size > 0, "request ", request.id, ": the prompt has no tokens");
  const bool scored_only = request.params.max_new_tokens == 0 && request.prompt_logps;
  check_input(size < positions || (scored_only && size == positions), "request ", request.id,
              ": the prompt has ", size, " tokens, which leaves no room for an answer in the model's ",
              positions, " positions");
  for (const std::int64_t top : {request.top_logps, request.prompt_logps.value_or(0)}) {
    check_input(top >= 0 && top <= kMostTop, "request ", request.id, ": log-probs of the ", top,
                " likeliest tokens are asked for, but the limit is ", kMostTop);
  }
}

}  // namespace

std::uint64_t Engine::add(Request request) {
  const std::int64_t positions = impl_->model.spec().position_limit();
  check_request(request, positions);
  check_input(request.params.stop.empty() || impl_->tokenizer != nullptr, "stop strings need a tokenizer");
  const auto size = static_cast<std::int64_t>(request.prompt.size());
  StopText stop_text(impl_->tokenizer, request.params.stop, request.prompt);
  auto run = std::make_unique<Run>(Run{.request = std::move(request), .stop_text = std::move(stop_text)});
  run->adapter = run->request.adapter ? run->request.adapter->id : impl_->options.adapter;
  run->most_new = std::min(run->request.params.max_new_tokens, positions - size);
  run->recompute_at = turning_length(impl_->model.spec(), size, run->most_new);
  run->output.id = run->request.id;
  run->output.sample = run->request.sample;
  const std::int64_t limit = impl_->options.cache_tokens, need = size + run->own_slots();
  check_input(limit == 0 || need <= limit, "request ", run->request.id, " needs ", need,
              " slots of a cache of ", limit,
              "; raise cache_tokens or "
              "lower max_new_tokens");
  const std::int64_t most = impl_->options.max_waiting_tokens,
                     waiting = impl_->schedule.waiting_tokens() + run->tokens();
  // A request that is alone in the queue may be larger than the bound.
  if (most > 0 && waiting > most && impl_->schedule.waiting() > 0) {
    throw Busy(cat("too much waits already: ", waiting, " tokens of ", most));
  }
  const std::uint64_t ticket = run->output.ticket = impl_->next_ticket++;
  if (run->most_new == 0 && !run->request.prompt_logps) {
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
  const std::size_t before = impl_->schedule.running().size();
  const std::vector<std::shared_ptr<Prompt>> fresh = impl_->schedule.admit();
  for (std::size_t i = before; impl_->starts && i < impl_->schedule.running().size(); ++i) {
    impl_->starts(impl_->schedule.running()[i]->output.ticket);
  }
  for (Group& group : impl_->feed(fresh)) { impl_->compute(group); }
  std::vector<Output> out = impl_->collect();
  impl_->remove_retired();
  if (impl_->cache && impl_->cache->states() != nullptr) {
    impl_->cache->states()->keep(impl_->schedule.held());
  }
  return out;
}

bool Engine::cancel(std::uint64_t ticket) {
  const bool was_there = impl_->schedule.cancel(ticket);
  return was_there || std::erase_if(impl_->empty_answers,
                                    [&](const Output& output) { return output.ticket == ticket; }) > 0;
}

void Engine::Impl::remove_retired() {
  std::erase_if(retired, [&](const AdapterHandle& adapter) {
    if (adapter.use_count() > 1) { return false; }
    schedule.forget(adapter->id);
    model.remove_adapter(adapter->id);
    return true;
  });
}

void Engine::retire(AdapterHandle adapter) {
  check(adapter != nullptr && adapter->id != model::kNoAdapter, "Engine::retire: this is not an adapter");
  check(adapter->id != impl_->options.adapter, "Engine::retire: the engine's own adapter stays");
  impl_->retired.push_back(std::move(adapter));
  impl_->remove_retired();
}

void Engine::on_token(std::function<void(const Output&)> listener) { impl_->listener = std::move(listener); }

void Engine::on_start(std::function<void(std::uint64_t)> listener) { impl_->starts = std::move(listener); }

bool Engine::done() const { return impl_->schedule.done() && impl_->empty_answers.empty(); }

std::int64_t Engine::prompt_tokens() const { return impl_->prompt_tokens; }

std::int64_t Engine::new_tokens() const { return impl_->new_tokens; }

EngineCounts Engine::counts() const {
  Schedule& schedule = impl_->schedule;
  return {.prompt_tokens = impl_->prompt_tokens,
          .new_tokens = impl_->new_tokens,
          .running = std::ssize(schedule.running()),
          .waiting = schedule.waiting(),
          .waiting_tokens = schedule.waiting_tokens(),
          .prefix_queries = schedule.prefix_queries(),
          .prefix_hits = schedule.prefix_hits(),
          .slots = schedule.slots(),
          .used_slots = schedule.used_slots()};
}

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
