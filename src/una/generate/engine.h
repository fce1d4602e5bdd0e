#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "una/core/sampling.h"
#include "una/model/model.h"
#include "una/text/tokenizer.h"

namespace una::generate {

// One answer to sample.
struct Request {
  std::int64_t id = 0;               // the caller's; outputs carry it
  std::vector<std::int32_t> prompt;  // token ids, at least one
  SamplingParams params;
  std::uint64_t sample = 0;  // number of the sample for this prompt: keys the random numbers with seed, id
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
};

// InputError for numbers out of their range and empty stop strings.
void check_sampling(const SamplingParams& params);

// Continuous batching over a KV cache; one thread at a time: requests go in at any time, each step decodes one token of every
// running request. The same request (id, sample, seed) gives the same text whatever else is in the batch, up
// to the bits of the matrix products. `tokenizer` may be null: then text stays empty and stop strings are an
// InputError.
class Engine {
 public:
  struct Options {
    std::int64_t max_batch = 64;    // requests running at one time
    std::int64_t cache_tokens = 0;  // slots of the KV cache; 0: enough for max_batch of the longest request
    std::int64_t prefill_tokens =
        2048;  // prompt tokens that join one step, unless one prompt alone is longer
    model::AdapterId adapter = model::kNoAdapter;
  };
  Engine(model::Model& model, const text::Tokenizer* tokenizer, const Options& options);
  ~Engine();
  // The request's number, from 0 in the order of add(). Requests with equal prompts share its computation and
  // its cache slots. InputError: a prompt that leaves no position for an answer or does not fit the cache, an
  // empty prompt, parameters out of range.
  std::uint64_t add(Request request);
  std::vector<Output> step();  // one token for every running request; returns what finished
  bool done() const;           // nothing running or waiting
  // Hears of every request that a step leaves unfinished, with its ids so far; text is still empty.
  void on_token(std::function<void(const Output& so_far)> listener);
  std::int64_t prompt_tokens() const;  // tokens prefilled so far, tokens sampled so far
  std::int64_t new_tokens() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// All requests to their end, outputs in the order of the requests.
std::vector<Output> generate_all(Engine& engine, std::vector<Request> requests);

}  // namespace una::generate
