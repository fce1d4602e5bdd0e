#include "una/rollout/rollout.h"

#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/rng.h"

namespace una::rollout {

Answer make_answer(const Prompt& prompt, const std::vector<std::int32_t>& ids, std::string text,
                   generate::Output::Finish finish) {
  Answer answer;
  answer.sequence.ids = prompt.ids;
  answer.sequence.ids.insert(answer.sequence.ids.end(), ids.begin(), ids.end());
  answer.sequence.loss_mask.assign(prompt.ids.size(), 0);
  answer.sequence.loss_mask.resize(answer.sequence.ids.size(), 1);
  answer.sequence.sampler = Sampler::kPolicy;
  answer.text = std::move(text);
  answer.finish = finish;
  return answer;
}

std::vector<Group> sample(model::Model& model, model::AdapterId policy, const text::Tokenizer* tokenizer,
                          const std::vector<Prompt>& prompts, const std::vector<std::int64_t>& indices,
                          const SampleOptions& options, std::uint64_t key) {
  // A fresh engine a round: what its cache holds was computed by these weights.
  generate::Engine engine(model, tokenizer, {.max_batch = options.max_batch, .adapter = policy});
  std::vector<Group> groups;
  for (const std::int64_t index : indices) {
    const Prompt& prompt = prompts[static_cast<std::size_t>(index)];
    groups.push_back({.prompt = &prompt, .index = index});
    groups.back().answers.resize(static_cast<std::size_t>(options.num_generations));
    for (std::int64_t i = 0; i < options.num_generations; ++i) {
      generate::Request request{.id = index,
                                .prompt = prompt.ids,
                                .params = options.params,
                                .sample = static_cast<std::uint64_t>(i)};
      request.params.seed = random_bits(options.params.seed, stream_id("rollout"), key);
      engine.add(std::move(request));
    }
  }
  const auto each = static_cast<std::uint64_t>(options.num_generations);
  std::vector<std::uint64_t> missing(groups.size(), each);
  while (!engine.done()) {
    for (generate::Output& output : engine.step()) {
      Group& group = groups[output.ticket / each];
      Answer answer = make_answer(*group.prompt, output.ids, std::move(output.text), output.finish);
      answer.sampled_logps = std::move(output.logps);
      group.answers[output.ticket % each] = std::move(answer);
      if (--missing[output.ticket / each] == 0 && options.on_group) { options.on_group(group); }
    }
  }
  return groups;
}

std::vector<reward::Question> questions_of(const Group& group) {
  std::vector<reward::Question> questions;
  const Example& example = group.prompt->example;
  for (const Answer& answer : group.answers) {
    questions.push_back({.prompt = example.prompt,
                         .answer = {.is_chat = false, .plain = answer.text, .messages = {}},
                         .tools = example.tools,
                         .template_kwargs = example.template_kwargs,
                         .ground_truth = example.ground_truth});
  }
  return questions;
}

void take_verdict(const reward::Verdict& verdict, Answer& answer) {
  answer.scored = verdict.score.has_value();
  answer.reward = verdict.score.value_or(0);
  answer.failure = verdict.failure;
}

void score(std::vector<Group>& groups, reward::Reward& reward) {
  std::vector<reward::Question> questions;
  for (const Group& group : groups) {
    for (reward::Question& question : questions_of(group)) { questions.push_back(std::move(question)); }
  }
  const std::vector<reward::Verdict> verdicts = reward.score(questions);
  check(verdicts.size() == questions.size(), "a reward gave another number of verdicts than questions");
  std::size_t next = 0;
  for (Group& group : groups) {
    for (Answer& answer : group.answers) { take_verdict(verdicts[next++], answer); }
  }
}

void check_on_policy(const SamplingParams& params) {
  const char* advice = "; an on-policy method learns from the policy's own distribution";
  check_input(params.temperature == 1, "temperature must be 1 while training online, not ",
              params.temperature, advice);
  check_input(params.top_p == 1, "top_p must be 1 while training online, not ", params.top_p, advice);
  check_input(params.top_k == 0, "top_k must be 0 while training online, not ", params.top_k, advice);
  check_input(params.min_p == 0, "min_p must be 0 while training online, not ", params.min_p, advice);
  check_input(params.repetition_penalty == 1, "repetition_penalty must be 1 while training online, not ",
              params.repetition_penalty, advice);
  check_input(params.min_new_tokens == 0, "min_new_tokens must be 0 while training online, not ",
              params.min_new_tokens, advice);
}

}  // namespace una::rollout
