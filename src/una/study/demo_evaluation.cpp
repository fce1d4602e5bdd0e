#include "una/study/demo_evaluation.h"

namespace una::study {

ScoredSamples sample_demo(const eval::PolicyUse& policy, const text::Tokenizer& tokenizer,
                          const std::vector<demo::Prompt>& prompts, const eval::SampleSize& size) {
  std::vector<std::string> texts;
  for (const demo::Prompt& prompt : prompts) { texts.push_back(prompt.text()); }
  ScoredSamples out{.answers = eval::sample_answers(policy, tokenizer, texts, size), .gold = {}};
  for (std::size_t i = 0; i < out.answers.texts.size(); ++i) {
    out.gold.push_back(
        demo::gold(prompts[i / static_cast<std::size_t>(size.per_prompt)], out.answers.texts[i]));
  }
  return out;
}

}  // namespace una::study
