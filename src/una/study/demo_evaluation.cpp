#include "una/study/demo_evaluation.h"

#include "una/base/error.h"
#include "una/eval/log_ratio.h"
#include "una/generate/engine.h"

namespace una::study {

Sampled sample_answers(model::Model& model, model::AdapterId adapter, const text::Tokenizer& tokenizer,
                       const std::vector<demo::Prompt>& prompts, int per_prompt, int max_new_tokens,
                       std::uint64_t seed) {
  SamplingParams params{.max_new_tokens = max_new_tokens, .seed = seed, .stop_ids = model.spec().eos_ids};
  std::vector<generate::Request> requests;
  Sampled out;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const std::vector<std::int32_t> ids = tokenizer.encode(prompts[i].text(), true);
    for (int sample = 0; sample < per_prompt; ++sample) {
      requests.push_back({.id = static_cast<std::int64_t>(i),
                          .prompt = ids,
                          .params = params,
                          .sample = static_cast<std::uint64_t>(sample)});
      out.prompt_ids.push_back(ids);
    }
  }
  generate::Engine engine(model, &tokenizer, {.max_batch = 256, .adapter = adapter});
  std::vector<generate::Output> outputs = generate::generate_all(engine, std::move(requests));
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    out.ended += outputs[i].finish == generate::Output::Finish::kEos ? 1 : 0;
    out.gold.push_back(demo::gold(prompts[i / static_cast<std::size_t>(per_prompt)], outputs[i].text));
    out.texts.push_back(std::move(outputs[i].text));
    out.answer_ids.push_back(std::move(outputs[i].ids));
  }
  out.ended /= static_cast<double>(outputs.size());
  return out;
}

double sampled_kl(model::Model& model, model::AdapterId adapter, const Sampled& sampled) {
  std::vector<Sequence> sequences;
  for (std::size_t i = 0; i < sampled.answer_ids.size(); ++i) {
    if (sampled.answer_ids[i].empty()) { continue; }
    Sequence sequence;
    sequence.ids = sampled.prompt_ids[i];
    sequence.loss_mask.assign(sequence.ids.size(), 0);
    sequence.ids.insert(sequence.ids.end(), sampled.answer_ids[i].begin(), sampled.answer_ids[i].end());
    sequence.loss_mask.resize(sequence.ids.size(), 1);
    sequences.push_back(std::move(sequence));
  }
  check(!sequences.empty(), "sampled_kl: no answers");
  const double total = eval::total_log_ratio({&model, adapter}, {&model, model::kNoAdapter}, sequences);
  return total / static_cast<double>(sequences.size());
}

}  // namespace una::study
