#include "una/study/demo_evaluation.h"

namespace una::study {

ScoredSamples sample_demo(const eval::PolicyUse& policy, const text::Tokenizer& tokenizer,
                          const demo::Task& task, const std::vector<std::string>& prompts,
                          const DemoSample& size) {
  ScoredSamples out{
      .answers = eval::sample_answers(
          policy, tokenizer, prompts,
          {.per_prompt = size.per_prompt, .max_new_tokens = task.max_new_tokens, .seed = size.seed}),
      .gold = {}};
  for (std::size_t i = 0; i < out.answers.texts.size(); ++i) {
    out.gold.push_back(
        task.gold(prompts[i / static_cast<std::size_t>(size.per_prompt)], out.answers.texts[i]));
  }
  return out;
}

}  // namespace una::study
