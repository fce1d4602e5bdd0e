#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "una/core/sampling.h"

namespace una::generate {

// How one row of logits is to be drawn from.
struct RowChoice {
  const SamplingParams* params = nullptr;
  double uniform = 0;         // in [0, 1): the row's random number
  bool forbid_stops = false;  // fewer than min_new_tokens so far: stop ids have probability 0
};

struct Draw {
  std::int32_t token = 0;
  float logp = 0;  // under softmax(logits): temperature, top-k and top-p left out
};

// The random number of one token: a pure function of its key, so a text does not depend on its neighbours.
double token_uniform(const SamplingParams& params, std::int64_t id, std::uint64_t sample,
                     std::int64_t position);

// One token a row of logits [N, V] fp32: the most likely one at temperature 0 (the lowest id among equals),
// else a draw from softmax(logits / temperature) cut to top_k, then to the smallest set that holds top_p of
// what is left (Hugging Face's order). InputError when logits are not finite.
std::vector<Draw> draw_tokens(const at::Tensor& logits, const std::vector<RowChoice>& rows);

}  // namespace una::generate
