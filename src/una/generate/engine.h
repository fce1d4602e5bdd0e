#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "una/base/error.h"
#include "una/core/sampling.h"
#include "una/generate/token_logps.h"
#include "una/model/model.h"
#include "una/text/tokenizer.h"

namespace una::generate {

// An adapter of the engine's model that requests can name. A request shares its ownership until it ends, so the
// weights that it began with are those that it ends with (Engine::retire).
struct LoadedAdapter {
  model::AdapterId id = model::kNoAdapter;
};
using AdapterHandle = std::shared_ptr<const LoadedAdapter>;

// One answer to sample.
struct Request {
  std::int64_t id = 0;               // the caller's; outputs carry it
  std::vector<std::int32_t> prompt;  // token ids, at least one
  SamplingParams params;
  std::uint64_t sample = 0;  // number of the sample for this prompt: keys the random numbers with seed, id
  AdapterHandle adapter = nullptr;  // null: the engine's own (Options)
  std::int64_t top_logps = 0;       // alternatives of each sampled token, at most kMostTop
  // Log-probs of the prompt's ids with so many alternatives. With max_new_tokens 0 the prompt is only scored.
  std::optional<std::int64_t> prompt_logps = {};
};

// One answer, finished or (in on_token) so far.
struct Output {
  std::int64_t id = 0;
  std::uint64_t sample = 0;
  std::uint64_t ticket = 0;       // what add() returned for the request
  std::vector<std::int32_t> ids;  // sampled ids, with the end-of-sequence id when it was sampled
  // Decoded as what follows the prompt, so that both tokenised together give `ids` again; special tokens
  // skipped, cut before a stop string.
  std::string text;
  std::vector<float> logps;            // log-prob of each sampled id under the unmodified distribution
  std::vector<float> processed_logps;  // under the one it was drawn from: temperature, top-k, ... in it
  enum class Finish { kEos, kStop, kLength } finish = Finish::kLength;
  std::vector<std::vector<TopLogp>> top;  // of each sampled id, where top_logps asks for them
  // Of each id of the prompt, the first one NaN; null: not asked for. Shared by the samples of a prompt.
  std::shared_ptr<const std::vector<TokenLogps>> prompt_logps;
};

// add() refuses a request because too many tokens wait already; the same request may pass later.
class Busy : public InputError {
 public:
  using InputError::InputError;
};

// What an engine did and holds, in tokens unless it says otherwise.
struct EngineCounts {
  std::int64_t prompt_tokens = 0, new_tokens = 0;  // computed of prompts, sampled
  std::int64_t running = 0, waiting = 0;           // requests
  std::int64_t waiting_tokens = 0;                 // prompts and longest answers of those that wait
  std::int64_t prefix_queries = 0,
               prefix_hits = 0;            // tokens of prompts that started; found in the prefix cache
  std::int64_t slots = 0, used_slots = 0;  // of the cache; used by what runs
};

// InputError for numbers out of their range and empty stop strings.
void check_sampling(const SamplingParams& params);

// Continuous batching over a KV cache; one thread at a time: requests go in at any time, each step decodes one
// token of every running request, with one forward pass for each adapter that has rows. The same request (id,
// sample, seed) gives the same text and log-probs alone, among others, behind a hit of the prefix cache and while
// adapters come and go, up to the bits of the matrix products: those of different numbers of rows may differ in
// the last place, log-probs in fp32 by at most 1e-5 (tested), in bf16 by its rounding. Of an exact model
// (LoadOptions::exact) they are the same bits, and those of Model::forward on the same ids. `tokenizer` may be null:
// then text stays empty and stop strings are an InputError.
class Engine {
 public:
  // Limits of the engine, fixed for its life.
  struct Options {
    std::int64_t max_batch = 64;    // requests running at one time
    std::int64_t cache_tokens = 0;  // slots of the KV cache; 0: enough for max_batch of the longest request
    std::int64_t prefill_tokens =
        2048;  // prompt tokens that join one step, unless one prompt alone is longer
    model::AdapterId adapter = model::kNoAdapter;
    // Prompts that begin like earlier ones take their keys and values, in blocks of 16 ids, as long as the slots
    // are not needed. Has no effect where rope's frequencies depend on the length of a sequence, and where layers
    // have states of whole sequences (gated delta rules).
    bool prefix_cache = false;
    std::int64_t max_waiting_tokens = 0;  // add() is Busy beyond; 0: no bound
  };
  Engine(model::Model& model, const text::Tokenizer* tokenizer, const Options& options);
  ~Engine();
  // The request's number, from 0 in the order of add(). Requests with equal prompts share its computation and
  // its cache slots. InputError: a prompt that leaves no position for an answer or does not fit the cache, an
  // empty prompt, parameters out of range. Busy: see max_waiting_tokens.
  std::uint64_t add(Request request);
  // Ends a request without an output; its slots are free at once. False: it has ended already.
  bool cancel(std::uint64_t ticket);
  // Takes the adapter out of the model as soon as no request and no caller holds the handle any more (looked at
  // in this call and after each step).
  void retire(AdapterHandle adapter);
  std::vector<Output> step();  // one token for every running request; returns what finished
  bool done() const;           // nothing running or waiting
  // Hears of every request that a step leaves unfinished, with its ids so far; text is still empty.
  void on_token(std::function<void(const Output& so_far)> listener);
  // Is called with the ticket of every request that a step starts to compute.
  void on_start(std::function<void(std::uint64_t ticket)> listener);
  std::int64_t prompt_tokens() const;  // tokens prefilled so far, tokens sampled so far
  std::int64_t new_tokens() const;
  EngineCounts counts() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// All requests to their end, outputs in the order of the requests.
std::vector<Output> generate_all(Engine& engine, std::vector<Request> requests);

}  // namespace una::generate
