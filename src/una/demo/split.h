#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "una/base/rng.h"

namespace una::demo {

// The hash of a prompt's key decides its split, independent of the seed, so splits never share a prompt.
enum class Split : std::uint8_t { kTrain, kFeedback, kHeldOut };  // 60, 25 and 15 % of all prompts
Split split_of(std::string_view key);

// A prompt as a model reads it. Two prompts are equal if their keys are.
struct KeyedPrompt {
  std::string text, key;
};

// `n` different prompts of the split, in the order in which `draw` gives them. Deterministic, and a smaller n gives the
// first prompts of a larger one. `stream` names the task's random numbers. InputError when n is negative, over 100,000
// or more than there are.
std::vector<std::string> draw_prompts(std::int64_t n, std::uint64_t seed, Split split,
                                      std::string_view stream, const std::function<KeyedPrompt(Rng&)>& draw);

}  // namespace una::demo
