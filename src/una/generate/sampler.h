#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/core/sampling.h"

namespace una::generate {

// How one row of logits is to be drawn from.
struct RowChoice {
  const SamplingParams* params = nullptr;
  double uniform = 0;         // in [0, 1): the row's random number
  bool forbid_stops = false;  // fewer than min_new_tokens so far: stop ids have probability 0
  std::span<const std::int32_t> prompt = {}, answer = {};  // so far; read by the penalties
};

// A token that was drawn.
struct Draw {
  std::int32_t token = 0;
  float logp = 0;            // under softmax(logits), as if nothing had been changed
  float processed_logp = 0;  // under what it was drawn from; 0 where that is one token (greedy)
};

// The random number of one token: a pure function of its key, so a text does not depend on its neighbours.
double token_uniform(const SamplingParams& params, std::int64_t id, std::uint64_t sample,
                     std::int64_t position);

// One token a row of logits [N, V] fp32. In the order of Hugging Face's generate(): repetition_penalty
// divides the logits above 0 of the ids in prompt and answer and multiplies those below (each id once);
// presence_penalty and frequency_penalty are subtracted as OpenAI and vLLM do (not in generate()); stop ids
// may be forbidden; then the most likely id at temperature 0 (the lowest among equals), else a draw from
// softmax(logits / temperature) cut to top_k (ties stay), then to the smallest set that holds top_p of what
// is left, then to the ids with at least min_p of the most likely one's probability. InputError when logits
// are not finite.
std::vector<Draw> draw_tokens(const at::Tensor& logits, const std::vector<RowChoice>& rows);

}  // namespace una::generate
