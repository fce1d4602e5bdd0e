// POST /v1/chat/completions.
#include <algorithm>
#include <ctime>
#include <utility>

#include "una/base/clock.h"
#include "una/base/format.h"
#include "una/openai/chat.h"
#include "una/serve/chat_prompt.h"
#include "una/serve/model_ends.h"
#include "una/serve/routes.h"
#include "una/serve/sampled_reply.h"

namespace una::serve {
namespace {

class ChatAnswer final : public SampledReply {
 public:
  ChatAnswer(Service& service, net::Ticket ticket, const openai::ChatRequest& request,
             std::vector<Choice> choices)
      : SampledReply(service, ticket, request.stream, std::move(choices)),
        with_logps_(request.top_logprobs.has_value()),
        with_usage_(request.include_usage) {
    head_.id = new_id("chatcmpl-");
    head_.model = request.model;
    head_.created = std::time(nullptr);
  }

 protected:
  bool wants_logps() const override { return with_logps_; }

  Json whole() override {
    openai::ChatReply reply = head_;
    for (std::size_t i = 0; i < choices().size(); ++i) {
      const generate::Output& output = *choices()[i].output;
      reply.choices.push_back(choice_of({.choice = i, .text = output.text, .fresh = output, .last = true}));
    }
    reply.usage = usage();
    return openai::reply_json(reply);
  }

  // As OpenAI does it: the role alone, then what is said, then why it ended.
  std::vector<Json> events(const Part& part) override {
    std::vector<Json> out;
    const auto add = [&](openai::ChatChoice choice, bool first) {
      openai::ChatReply reply = head_;
      reply.choices.push_back(std::move(choice));
      out.push_back(openai::piece_json(reply, first));
    };
    openai::ChatChoice said = choice_of(part);
    openai::ChatChoice bare{.index = said.index, .message = {"assistant", "", ""}};
    if (part.first) { add(bare, true); }
    if (!part.text.empty() || (with_logps_ && !part.fresh.ids.empty())) {
      said.finish_reason = "";
      add(said, false);
    }
    bare.finish_reason = part.last ? choices()[part.choice].finish_reason : "";
    if (part.last) { add(bare, false); }
    return out;
  }

  std::optional<Json> usage_part() override {
    if (!with_usage_) { return std::nullopt; }
    openai::ChatReply reply = head_;
    reply.usage = usage();
    return openai::usage_piece_json(reply);
  }

 private:
  openai::ChatChoice choice_of(const Part& part) {
    openai::ChatChoice out{.index = static_cast<std::int64_t>(part.choice),
                           .message = {"assistant", part.text, ""}};
    if (part.last) { out.finish_reason = choices()[part.choice].finish_reason; }
    if (with_logps_) {
      const generate::Output& fresh = part.fresh;
      out.logprobs = openai::chat_logprobs(service().texts.entries(fresh.ids, fresh.logps, fresh.top));
    }
    return out;
  }

  bool with_logps_, with_usage_;
  openai::ChatReply head_;
};

generate::Request engine_request(const Service& service, const openai::ChatRequest& request,
                                 const Named& named) {
  generate::Request out{.params = request.sampling, .adapter = named.adapter};
  out.prompt = chat_prompt(service, {.messages = request.messages,
                                     .tools = request.tools,
                                     .template_kwargs = request.template_kwargs,
                                     .add_generation_prompt = request.add_generation_prompt,
                                     .continue_final_message = request.continue_final_message});
  service.check_ids(out.prompt, "messages", false);
  const std::int64_t room = service.max_model_len - std::ssize(out.prompt);
  out.params.max_new_tokens = std::min(request.max_tokens.value_or(room), room);
  if (!request.seed) { out.params.seed = fresh_seed(); }
  add_model_ends(service, request.ignore_eos, out.params);
  out.top_logps = request.top_logprobs.value_or(0);
  return out;
}

}  // namespace

Routed chat(Service& service, const net::Arrived& arrived) {
  openai::ChatRequest request = openai::read_chat_request(arrived.body);
  service.tell_ignored(request.ignored, "/v1/chat/completions");
  const Named named = service.sampler(request.model);
  request.model = named.name;
  auto job =
      std::make_shared<Job>(Job{.ticket = arrived.ticket, .streams = request.stream, .model = named.name});
  job->arrived = monotonic_seconds();
  const generate::Request like = engine_request(service, request, named);
  std::vector<SampledReply::Choice> choices;
  for (std::int64_t sample = 0; sample < request.n; ++sample) {
    job->requests.push_back(like);
    job->requests.back().sample = static_cast<std::uint64_t>(sample);
    choices.push_back({.prompt = like.prompt, .stops = like.params.stop});
  }
  job->reply = std::make_shared<ChatAnswer>(service, arrived.ticket, request, std::move(choices));
  service.engine->submit(std::move(job));
  return std::nullopt;
}

}  // namespace una::serve
