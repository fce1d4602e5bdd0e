// POST /v1/completions.
#include <algorithm>
#include <ctime>
#include <utility>

#include "una/base/clock.h"
#include "una/base/format.h"
#include "una/openai/completions.h"
#include "una/serve/model_ends.h"
#include "una/serve/routes.h"
#include "una/serve/sampled_reply.h"

namespace una::serve {
namespace {

std::int64_t characters(const std::string& text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

class CompletionAnswer final : public SampledReply {
 public:
  // `texts`: each choice's prompt, where it is echoed.
  CompletionAnswer(Service& service, net::Ticket ticket, const openai::CompletionRequest& request,
                   std::vector<Choice> choices, std::vector<std::string> texts)
      : SampledReply(service, ticket, request.stream, std::move(choices)),
        request_(request),
        texts_(std::move(texts)),
        offsets_(this->choices().size(), 0) {
    head_.id = new_id("cmpl-");
    head_.model = request.model;
    head_.created = std::time(nullptr);
  }

 protected:
  bool wants_logps() const override { return request_.logprobs.has_value() || request_.return_token_ids; }

  Json whole() override {
    openai::CompletionReply reply = head_;
    for (std::size_t i = 0; i < choices().size(); ++i) {
      const generate::Output& output = *choices()[i].output;
      Part part{.choice = i, .text = output.text, .fresh = output, .first = true, .last = true};
      reply.choices.push_back(choice_of(part));
    }
    reply.usage = usage();
    return openai::reply_json(reply);
  }

  std::vector<Json> events(const Part& part) override {
    openai::CompletionReply reply = head_;
    reply.choices.push_back(choice_of(part));
    return {openai::piece_json(reply)};
  }

  std::optional<Json> usage_part() override {
    if (!request_.include_usage) { return std::nullopt; }
    openai::CompletionReply reply = head_;
    reply.usage = usage();
    return openai::usage_piece_json(reply);
  }

 private:
  openai::CompletionChoice choice_of(const Part& part) {
    const Choice& choice = choices()[part.choice];
    openai::CompletionChoice out{.index = static_cast<std::int64_t>(part.choice), .text = part.text};
    const bool echoes = request_.echo && part.first;
    if (echoes) { out.text = texts_[part.choice] + part.text; }
    if (part.last) {
      out.finish_reason = choice.finish_reason;
      out.stop_reason = choice.stop_reason;
    }
    if (request_.return_token_ids) {
      out.token_ids = std::vector<double>(part.fresh.ids.begin(), part.fresh.ids.end());
      if (part.first) {
        out.prompt_token_ids = std::vector<double>(choice.prompt.begin(), choice.prompt.end());
      }
    }
    add_logprobs(part, echoes, out);
    return out;
  }

  void add_logprobs(const Part& part, bool echoes, openai::CompletionChoice& out) {
    const Choice& choice = choices()[part.choice];
    const auto& of_prompt = part.fresh.prompt_logps;
    if (request_.prompt_logprobs && part.first && of_prompt) {
      out.prompt_logprobs = openai::prompt_logprobs(service().texts.entries(choice.prompt, *of_prompt));
    }
    if (!request_.logprobs) { return; }
    std::vector<openai::TokenEntry> tokens;
    if (echoes && of_prompt) { tokens = service().texts.entries(choice.prompt, *of_prompt); }
    for (auto& each : service().texts.entries(part.fresh.ids, part.fresh.logps, part.fresh.top)) {
      tokens.push_back(std::move(each));
    }
    out.logprobs = openai::completion_logprobs(tokens, *request_.logprobs > 0, offsets_[part.choice]);
    for (const openai::TokenEntry& token : tokens) { offsets_[part.choice] += characters(token.text); }
  }

  openai::CompletionRequest request_;
  std::vector<std::string> texts_;
  std::vector<std::int64_t> offsets_;  // characters of each choice's tokens that were told
  openai::CompletionReply head_;
};

// A prompt as ids, and as the text that `echo` gives back.
struct Asked {
  std::vector<std::int32_t> ids;
  std::string text;
};

Asked ids_of(const Service& service, const openai::CompletionRequest& request,
             const std::variant<openai::TokenIds, std::string>& prompt) {
  Asked out;
  if (const auto* ids = std::get_if<openai::TokenIds>(&prompt)) {
    out.ids = *ids;
  } else {
    out.text = std::get<std::string>(prompt);
    Text plain;
    plain.plain = out.text;
    out.ids = request.add_special_tokens ? service.served.encoder->prompt({.prompt = &plain, .answers = {}})
                                         : service.tokenizer().encode(out.text, false);
  }
  const bool only_scored = request.sampling.max_new_tokens == 0;
  service.check_ids(out.ids, "prompt", only_scored);
  if (request.echo && out.text.empty()) { out.text = service.tokenizer().decode(out.ids, false); }
  return out;
}

// What the engine is asked for, one choice of one prompt.
generate::Request engine_request(const Service& service, const openai::CompletionRequest& request,
                                 const Named& named) {
  generate::Request out{.params = request.sampling, .adapter = named.adapter};
  add_model_ends(service, request.ignore_eos, out.params);
  out.top_logps = request.logprobs.value_or(0);
  if (request.echo && request.logprobs) { out.prompt_logps = *request.logprobs; }
  if (request.prompt_logprobs) {
    out.prompt_logps = std::max(out.prompt_logps.value_or(0), *request.prompt_logprobs);
  }
  return out;
}

}  // namespace

Routed complete(Service& service, const net::Arrived& arrived) {
  openai::CompletionRequest request = openai::read_completion_request(arrived.body);
  service.tell_ignored(request.ignored, "/v1/completions");
  const Named named = service.sampler(request.model);
  request.model = named.name;
  const auto most = service.options.max_prompts;
  if (std::ssize(request.prompts) > most) {
    throw openai::BadRequest("prompt", cat("'prompt' holds more than max_prompts (", most, ") prompts"));
  }
  if (!request.seeded) { request.sampling.seed = fresh_seed(); }
  auto job =
      std::make_shared<Job>(Job{.ticket = arrived.ticket, .streams = request.stream, .model = named.name});
  job->arrived = monotonic_seconds();
  const generate::Request like = engine_request(service, request, named);
  std::vector<SampledReply::Choice> choices;
  std::vector<std::string> texts;
  for (const auto& prompt : request.prompts) {
    Asked asked = ids_of(service, request, prompt);
    for (std::int64_t sample = 0; sample < request.n; ++sample) {
      job->requests.push_back(like);
      generate::Request& one = job->requests.back();
      one.prompt = asked.ids;
      one.sample = static_cast<std::uint64_t>(sample);
      one.params.max_new_tokens =
          std::min(one.params.max_new_tokens, service.max_model_len - std::ssize(asked.ids));
      choices.push_back({.prompt = asked.ids, .stops = request.sampling.stop});
      texts.push_back(asked.text);
    }
  }
  job->reply = std::make_shared<CompletionAnswer>(service, arrived.ticket, request, std::move(choices),
                                                  std::move(texts));
  service.engine->submit(std::move(job));
  return std::nullopt;
}

}  // namespace una::serve
