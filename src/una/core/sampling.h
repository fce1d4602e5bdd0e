#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace una {

// How answers are sampled, under the names of Hugging Face's generate().
struct SamplingParams {
  std::int64_t max_new_tokens = 128;
  std::int64_t min_new_tokens = 0;
  double temperature = 1;  // 0: greedy
  double top_p = 1;
  std::int64_t top_k = 0;         // 0: off
  double min_p = 0;               // relative to the most likely token's probability; 0: off
  double repetition_penalty = 1;  // over prompt and answer; 1: off
  // OpenAI's, over the answer only: subtracted from the logit of every id in it, once, and once an occurrence.
  double presence_penalty = 0, frequency_penalty = 0;  // 0: off; negative ones encourage
  std::uint64_t seed = 42;
  // Stop strings: rewards see the text before one, the gradient covers the sampled ids.
  std::vector<std::string> stop;
  std::vector<std::int32_t> stop_ids;  // end-of-sequence ids, several allowed
};

}  // namespace una
