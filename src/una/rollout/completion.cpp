#include "una/rollout/completion.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/net/http.h"
#include "una/openai/completions.h"

namespace una::rollout {
namespace {

using Finish = generate::Output::Finish;
using Ids = std::vector<std::int32_t>;

constexpr const char* kTokenId = "token_id:";  // vLLM's return_tokens_as_token_ids

// The reason why a reply has no usable answer.
struct Unusable {
  std::string reason;
};

void need(bool good, const std::string& reason) {
  if (!good) { throw Unusable{reason}; }
}

std::int32_t checked_id(double value, const CompletionContext& context) {
  need(value >= 0 && value < static_cast<double>(context.vocabulary) && value == std::floor(value),
       cat("token id ", value, " is none of the policy's ", context.vocabulary,
           ": does the server run the same model?"));
  return static_cast<std::int32_t>(value);
}

std::optional<Ids> ids_in(const std::optional<std::vector<double>>& list, const CompletionContext& context) {
  if (!list) { return std::nullopt; }
  Ids ids;
  for (const double id : *list) { ids.push_back(checked_id(id, context)); }
  return ids;
}

// Ids of a server that writes "token_id:17" instead of each token's text.
std::optional<Ids> ids_in_tokens(const std::vector<std::string>& tokens, const CompletionContext& context) {
  if (tokens.empty()) { return std::nullopt; }
  Ids ids;
  for (const std::string& token : tokens) {
    if (!starts_with(token, kTokenId)) { return std::nullopt; }
    const std::string number = token.substr(std::string(kTokenId).size());
    char* end = nullptr;
    const double value = std::strtod(number.c_str(), &end);
    need(!number.empty() && *end == '\0', cat("'", token, "' names no token"));
    ids.push_back(checked_id(value, context));
  }
  return ids;
}

// Empty unless every value is a log-prob.
std::vector<float> logps_of(const openai::CompletionChoice& choice) {
  std::vector<float> out;
  for (const std::optional<double>& value : choice.token_logprobs) {
    if (!value || !std::isfinite(*value) || *value > 1e-3) { return {}; }
    out.push_back(static_cast<float>(*value));
  }
  return out;
}

bool is_stop_id(std::int32_t id, const CompletionContext& context) {
  const std::vector<std::int32_t>& stops = context.params->stop_ids;
  return std::find(stops.begin(), stops.end(), id) != stops.end();
}

// Tells an answer that stopped at one of our strings from one that stopped at an end token which the server does
// not show. Where the server does not tell, no end is added that may not have been sampled.
bool stopped_at_string(const openai::CompletionChoice& choice, const CompletionContext& context) {
  if (context.params->stop.empty()) { return false; }
  return !choice.stop_reason || choice.stop_reason->is_string();
}

void add_ending(Completion& out, const openai::CompletionChoice& choice, const CompletionContext& context) {
  const std::string& why = choice.finish_reason;
  need(why == "stop" || why == "length",
       cat("the answer was not finished (finish_reason: ", why.empty() ? "nothing" : why, ")"));
  if (!out.ids.empty() && is_stop_id(out.ids.back(), context)) {
    out.finish = Finish::kEos;
  } else if (why == "length") {
    out.finish = Finish::kLength;
  } else if (stopped_at_string(choice, context)) {
    out.finish = Finish::kStop;
  } else {
    out.finish = Finish::kEos;
    const bool named = choice.stop_reason && choice.stop_reason->is_number();
    out.ids.push_back(named ? checked_id(choice.stop_reason->get<double>(), context) : context.eos_id);
  }
  need(!out.ids.empty(), "the answer has no tokens");
}

// What rewards read, of ids that the server gave.
std::string text_of(const Completion& completion, const CompletionContext& context) {
  const auto ends = static_cast<std::ptrdiff_t>(completion.finish == Finish::kEos ? 1 : 0);
  const std::span<const std::int32_t> shown(completion.ids.begin(), completion.ids.end() - ends);
  std::string text = context.tokenizer->decode_after(context.tokenizer->left_context(context.prompt), shown);
  std::size_t cut = std::string::npos;
  if (completion.finish == Finish::kStop) {
    for (const std::string& stop : context.params->stop) { cut = std::min(cut, text.find(stop)); }
  }
  return cut == std::string::npos ? text : text.substr(0, cut);
}

void retokenise(Completion& out, const openai::CompletionChoice& choice, const CompletionContext& context) {
  need(choice.text.has_value(), "the reply has neither token_ids nor text");
  out.retokenised = true;
  out.text = choice.text.value_or("");
  const Ids left = context.tokenizer->left_context(context.prompt);
  out.ids = context.tokenizer->encode_after(left, out.text);
  out.mismatched = context.tokenizer->decode_after(left, out.ids) != out.text;
  const std::size_t plain = out.ids.size(), theirs = choice.tokens.size();
  add_ending(out, choice, context);
  if (theirs > 0) { out.mismatched = out.mismatched || (theirs != plain && theirs != out.ids.size()); }
}

Completion read(const openai::CompletionChoice& choice, const CompletionContext& context) {
  const std::optional<Ids> prompt = ids_in(choice.prompt_token_ids, context);
  need(!prompt || std::equal(prompt->begin(), prompt->end(), context.prompt.begin(), context.prompt.end()),
       "the server read other prompt ids than were sent");
  Completion out;
  std::optional<Ids> ids = ids_in(choice.token_ids, context);
  if (!ids) { ids = ids_in_tokens(choice.tokens, context); }
  if (ids) {
    out.ids = std::move(*ids);
    add_ending(out, choice, context);
    out.text = text_of(out, context);
    out.logps = logps_of(choice);
    if (out.logps.size() != out.ids.size()) { out.logps.clear(); }
  } else {
    retokenise(out, choice, context);
  }
  need(std::ssize(out.ids) <= context.params->max_new_tokens,
       cat("the answer has ", out.ids.size(), " tokens, more than the ", context.params->max_new_tokens,
           " that were asked for"));
  return out;
}

}  // namespace

Json completion_request(const std::string& model, const CompletionContext& context, std::uint64_t seed,
                        const std::string& weights) {
  openai::CompletionRequest request{
      .model = model,
      .prompts = {openai::TokenIds(context.prompt.begin(), context.prompt.end())},
      .sampling = *context.params,
      .logprobs = 1,
      .return_token_ids = true,
      .cache_salt = weights};
  request.sampling.seed = seed;
  return openai::request_json(request);
}

Completion read_completion(const std::string& body, const CompletionContext& context) {
  const openai::ReadCompletionReply reply = openai::read_completion_reply(body);
  if (!reply.problem.empty()) { return {.failure = cat(reply.problem, ": ", net::excerpt(body))}; }
  try {
    return read(reply.reply.choices.front(), context);
  } catch (const Unusable& unusable) { return {.failure = unusable.reason}; }
}

}  // namespace una::rollout
