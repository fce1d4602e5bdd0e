#pragma once

#include "una/base/json.h"
#include "una/core/example.h"
#include "una/core/sampling.h"
#include "una/generate/engine.h"

namespace una::recipe {

// True where answers are drawn from the model's own distribution: no key of the sampling changes it.
bool is_plain(const SamplingParams& sampling);

// A row that una label and training read: the prompt and all that its own row holds (turns, tools, ground truth,
// source, group), the answer as "completion" (a turn where the prompt is a chat), "sampled_from" where
// `plain_draws`, and the facts of the sampling. An answer with "finish": "length" was cut; readers leave it out
// (rows: kUnfinished), since as a row it would teach an end that was not sampled.
Json generated_row(const generate::Output& output, const Example& prompt, bool plain_draws);

}  // namespace una::recipe
