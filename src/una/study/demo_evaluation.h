#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "una/demo/task.h"
#include "una/model/model.h"
#include "una/text/tokenizer.h"

namespace una::study {

// Answers of a model to prompts, `per_prompt` each at temperature 1, with their gold scores.
struct Sampled {
  std::vector<std::vector<std::int32_t>> prompt_ids, answer_ids;  // [prompts * per_prompt], prompt by prompt
  std::vector<std::string> texts;
  std::vector<double> gold;
  double ended = 0;  // share that ended by itself
};

Sampled sample_answers(model::Model& model, model::AdapterId adapter, const text::Tokenizer& tokenizer,
                       const std::vector<demo::Prompt>& prompts, int per_prompt, int max_new_tokens,
                       std::uint64_t seed);

// Mean over the sampled answers of log pi(y) - log pi_start(y), in nats an answer, on the sampled ids: an
// unbiased estimate of KL(pi || start).
double sampled_kl(model::Model& model, model::AdapterId adapter, const Sampled& sampled);

}  // namespace una::study
