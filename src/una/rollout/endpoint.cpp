#include "una/rollout/endpoint.h"

#include <algorithm>
#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/log.h"
#include "una/base/rng.h"
#include "una/reward/http_reward.h"
#include "una/rollout/completion.h"

namespace una::rollout {
namespace {

// A server's answers so far, for the log.
struct Counts {
  std::int64_t asked = 0, missing = 0, retokenised = 0, mismatched = 0, cut = 0;
};

// Asks a completions server. Not thread-safe.
class EndpointSource final : public AnswerSource {
 public:
  explicit EndpointSource(EndpointOptions options)
      : options_(std::move(options)),
        url_(options_.url + (ends_with(options_.url, "/") ? "" : "/") + "completions"),
        client_(options_.client) {}

  std::vector<Group> sample(const std::vector<Prompt>& prompts, const std::vector<std::int64_t>& indices,
                            const SampleOptions& options, std::uint64_t key) override;
  std::string account() const override;

 private:
  CompletionContext context(const Prompt& prompt, const SampleOptions& options) const {
    return {.prompt = prompt.ids,
            .params = &options.params,
            .tokenizer = options_.tokenizer,
            .vocabulary = options_.vocabulary,
            .eos_id = options_.eos_id};
  }
  std::vector<net::Request> requests(const std::vector<Prompt>& prompts,
                                     const std::vector<std::int64_t>& indices, const SampleOptions& options,
                                     std::uint64_t key, const std::string& weights) const;
  void take(const net::Outcome& outcome, Group& group, const SampleOptions& options);
  void look_for_cut(const Completion& completion, std::int64_t asked);

  EndpointOptions options_;
  std::string url_;
  net::Client client_;
  Counts counts_;
};

std::string EndpointSource::account() const {
  const net::Traffic& traffic = client_.traffic();
  return cat("sampling endpoint ", options_.model, " at ", net::shown_url(options_.url), ": ",
             thousands(counts_.asked), " answers asked for, ", thousands(traffic.requests), " requests (",
             thousands(traffic.retries), " of them again), ", thousands(counts_.missing),
             " answers missing, ", thousands(counts_.retokenised), " tokenised again from text, ",
             thousands(counts_.mismatched), " of them with a mismatch");
}

// vLLM answers with fewer tokens than were asked for where prompt and answer do not fit its --max-model-len.
void EndpointSource::look_for_cut(const Completion& completion, std::int64_t asked) {
  if (completion.finish != generate::Output::Finish::kLength || std::ssize(completion.ids) >= asked) {
    return;
  }
  if (completion.retokenised || ++counts_.cut > 1) { return; }
  log_warning(cat("the sampling endpoint cut an answer after ", completion.ids.size(), " of ", asked,
                  " tokens: do prompt and answer fit the server's context (vLLM: --max-model-len)? "
                  "(said once)"));
}

void EndpointSource::take(const net::Outcome& outcome, Group& group, const SampleOptions& options) {
  Completion completion{.failure = outcome.failure};
  if (outcome.ok) { completion = read_completion(outcome.body, context(*group.prompt, options)); }
  ++counts_.asked;
  if (!completion.failure.empty()) {
    group.failures.push_back(net::excerpt(completion.failure));
    if (++counts_.missing == 1) {
      log_warning(cat("an answer of the sampling endpoint is missing: ", group.failures.back(),
                      " (said once; sampling/failed_ratio counts them)"));
    }
    return;
  }
  look_for_cut(completion, options.params.max_new_tokens);
  counts_.retokenised += completion.retokenised ? 1 : 0;
  counts_.mismatched += completion.mismatched ? 1 : 0;
  Answer answer = make_answer(*group.prompt, completion.ids, std::move(completion.text), completion.finish);
  answer.sampled_logps = std::move(completion.logps);
  answer.retokenised = completion.retokenised;
  answer.mismatched = completion.mismatched;
  group.answers.push_back(std::move(answer));
}

std::vector<net::Request> EndpointSource::requests(const std::vector<Prompt>& prompts,
                                                   const std::vector<std::int64_t>& indices,
                                                   const SampleOptions& options, std::uint64_t key,
                                                   const std::string& weights) const {
  const std::uint64_t round = random_bits(options.params.seed, stream_id("rollout"), key);
  std::vector<net::Request> out;
  for (const std::int64_t index : indices) {
    const Prompt& prompt = prompts[static_cast<std::size_t>(index)];
    for (std::int64_t i = 0; i < options.num_generations; ++i) {
      const std::uint64_t bits = random_bits(round, stream_id("endpoint"), static_cast<std::uint64_t>(index),
                                             static_cast<std::uint64_t>(i));
      // 31 bits: some servers keep seeds in an int.
      const Json body = completion_request(options_.model, context(prompt, options), bits >> 33U, weights);
      out.push_back({.url = url_, .body = body.dump()});
    }
  }
  return out;
}

std::vector<Group> EndpointSource::sample(const std::vector<Prompt>& prompts,
                                          const std::vector<std::int64_t>& indices,
                                          const SampleOptions& options, std::uint64_t key) {
  const std::string weights = options_.synchronise ? options_.synchronise() : "";
  const std::vector<net::Request> asked = requests(prompts, indices, options, key, weights);
  std::vector<Group> groups;
  for (const std::int64_t index : indices) {
    groups.push_back({.prompt = &prompts[static_cast<std::size_t>(index)], .index = index, .remote = true});
  }
  const auto each = static_cast<std::size_t>(options.num_generations);
  std::vector<net::Outcome> outcomes(asked.size());
  std::vector<std::size_t> missing(groups.size(), each);
  client_.post(asked, [&](std::size_t number, const net::Outcome& outcome) {
    check_input(outcome.ok || !reward::is_refusal(outcome.status), outcome.failure);
    outcomes[number] = outcome;
    const std::size_t g = number / each;
    if (--missing[g] > 0) { return; }
    for (std::size_t i = g * each; i < (g + 1) * each; ++i) { take(outcomes[i], groups[g], options); }
    if (options.on_group) { options.on_group(groups[g]); }
  });
  std::size_t answers = 0;
  for (const Group& group : groups) { answers += group.answers.size(); }
  if (answers == 0 && !asked.empty()) {
    throw InputError(cat("the sampling endpoint ", net::shown_url(options_.url), " gave none of the ",
                         asked.size(),
                         " answers asked for; the first failure: ", groups.front().failures.front()));
  }
  return groups;
}

}  // namespace

std::unique_ptr<AnswerSource> make_endpoint_source(EndpointOptions options) {
  net::check_url(options.url, "sampling_endpoint");
  check(options.tokenizer != nullptr && options.vocabulary > 0, "make_endpoint_source: no tokenizer");
  return std::make_unique<EndpointSource>(std::move(options));
}

}  // namespace una::rollout
