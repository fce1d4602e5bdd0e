#include "una/rollout/completion.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/net/http.h"

namespace una::rollout {
namespace {

using Finish = generate::Output::Finish;
using Ids = std::vector<std::int32_t>;

constexpr const char* kTokenId = "token_id:";  // vLLM's return_tokens_as_token_ids

// Why an answer is none.
struct Unusable {
  std::string reason;
};

void need(bool good, const std::string& reason) {
  if (!good) { throw Unusable{reason}; }
}

const Json* member(const Json& json, const char* name) {
  if (!json.is_object()) { return nullptr; }
  const auto found = json.find(name);
  return found == json.end() || found->is_null() ? nullptr : &*found;
}

std::int32_t checked_id(double value, const CompletionContext& context) {
  need(value >= 0 && value < static_cast<double>(context.vocabulary) && value == std::floor(value),
       cat("token id ", value, " is none of the policy's ", context.vocabulary,
           ": does the server run the same model?"));
  return static_cast<std::int32_t>(value);
}

std::optional<Ids> ids_in(const Json* list, const CompletionContext& context) {
  if (list == nullptr || !list->is_array()) { return std::nullopt; }
  Ids ids;
  for (const Json& id : *list) {
    need(id.is_number(), "token_ids holds something that is no number");
    ids.push_back(checked_id(id.get<double>(), context));
  }
  return ids;
}

// "token_id:17" in the place of each token's text.
std::optional<Ids> ids_in_tokens(const Json* tokens, const CompletionContext& context) {
  if (tokens == nullptr || !tokens->is_array() || tokens->empty()) { return std::nullopt; }
  Ids ids;
  for (const Json& token : *tokens) {
    if (!token.is_string() || !starts_with(token.get<std::string>(), kTokenId)) { return std::nullopt; }
    const std::string number = token.get<std::string>().substr(std::string(kTokenId).size());
    char* end = nullptr;
    const double value = std::strtod(number.c_str(), &end);
    need(!number.empty() && *end == '\0', cat("'", token.get<std::string>(), "' names no token"));
    ids.push_back(checked_id(value, context));
  }
  return ids;
}

// Empty where one of them is no log-prob.
std::vector<float> logps_in(const Json* logprobs) {
  const Json* list = logprobs == nullptr ? nullptr : member(*logprobs, "token_logprobs");
  std::vector<float> out;
  if (list == nullptr || !list->is_array()) { return out; }
  for (const Json& value : *list) {
    if (!value.is_number() || !std::isfinite(value.get<double>()) || value.get<double>() > 1e-3) {
      return {};
    }
    out.push_back(value.get<float>());
  }
  return out;
}

bool is_stop_id(std::int32_t id, const CompletionContext& context) {
  const std::vector<std::int32_t>& stops = context.params->stop_ids;
  return std::find(stops.begin(), stops.end(), id) != stops.end();
}

// A server that stopped: at one of our strings, or at an end token that it does not show? vLLM says it in
// stop_reason, SGLang in matched_stop. Where nobody says it, no end is added that may not have been sampled.
bool stopped_at_string(const Json& choice, const CompletionContext& context) {
  if (context.params->stop.empty()) { return false; }
  for (const char* name : {"stop_reason", "matched_stop"}) {
    if (choice.contains(name)) { return choice[name].is_string(); }
  }
  return true;
}

void add_ending(Completion& out, const Json& choice, const CompletionContext& context) {
  const Json* reason = member(choice, "finish_reason");
  const std::string why = reason != nullptr && reason->is_string() ? reason->get<std::string>() : "nothing";
  need(why == "stop" || why == "length", cat("the answer was not finished (finish_reason: ", why, ")"));
  if (!out.ids.empty() && is_stop_id(out.ids.back(), context)) {
    out.finish = Finish::kEos;
  } else if (why == "length") {
    out.finish = Finish::kLength;
  } else if (stopped_at_string(choice, context)) {
    out.finish = Finish::kStop;
  } else {
    out.finish = Finish::kEos;
    const Json* id = member(choice, "stop_reason");
    if (id == nullptr) { id = member(choice, "matched_stop"); }
    out.ids.push_back(id != nullptr && id->is_number() ? checked_id(id->get<double>(), context)
                                                       : context.eos_id);
  }
  need(!out.ids.empty(), "the answer has no tokens");
}

// What rewards read, of ids that the server gave.
std::string text_of(const Completion& completion, const CompletionContext& context) {
  const auto ends = static_cast<std::ptrdiff_t>(completion.finish == Finish::kEos ? 1 : 0);
  std::string text = context.tokenizer->decode({completion.ids.begin(), completion.ids.end() - ends}, true);
  std::size_t cut = std::string::npos;
  if (completion.finish == Finish::kStop) {
    for (const std::string& stop : context.params->stop) { cut = std::min(cut, text.find(stop)); }
  }
  return cut == std::string::npos ? text : text.substr(0, cut);
}

void retokenise(Completion& out, const Json& choice, const Json* tokens, const CompletionContext& context) {
  const Json* text = member(choice, "text");
  need(text != nullptr && text->is_string(), "the reply has neither token_ids nor text");
  out.retokenised = true;
  out.text = text->get<std::string>();
  out.ids = context.tokenizer->encode(out.text, false);
  out.mismatched = context.tokenizer->decode(out.ids, true) != out.text;
  const std::size_t plain = out.ids.size();
  add_ending(out, choice, context);
  if (tokens == nullptr || !tokens->is_array() || tokens->empty()) { return; }
  out.mismatched = out.mismatched || (tokens->size() != plain && tokens->size() != out.ids.size());
}

Completion read(const Json& reply, const CompletionContext& context) {
  const Json* choices = member(reply, "choices");
  need(choices != nullptr && choices->is_array() && !choices->empty(), "the reply has no choices");
  const Json& choice = choices->front();
  for (const Json* place : {&choice, &reply}) {
    const std::optional<Ids> prompt = ids_in(member(*place, "prompt_token_ids"), context);
    need(!prompt || std::equal(prompt->begin(), prompt->end(), context.prompt.begin(), context.prompt.end()),
         "the server read other prompt ids than were sent");
  }
  const Json* logprobs = member(choice, "logprobs");
  const Json* tokens = logprobs == nullptr ? nullptr : member(*logprobs, "tokens");
  Completion out;
  std::optional<Ids> ids = ids_in(member(choice, "token_ids"), context);
  if (!ids) { ids = ids_in_tokens(tokens, context); }
  if (ids) {
    out.ids = std::move(*ids);
    add_ending(out, choice, context);
    out.text = text_of(out, context);
    out.logps = logps_in(logprobs);
    if (out.logps.size() != out.ids.size()) { out.logps.clear(); }
  } else {
    retokenise(out, choice, tokens, context);
  }
  need(std::ssize(out.ids) <= context.params->max_new_tokens,
       cat("the answer has ", out.ids.size(), " tokens, more than the ", context.params->max_new_tokens,
           " that were asked for"));
  return out;
}

}  // namespace

Json completion_request(const std::string& model, const CompletionContext& context, std::uint64_t seed,
                        const std::string& weights) {
  const SamplingParams& p = *context.params;
  Json body{{"model", model},
            {"prompt", std::vector<std::int32_t>(context.prompt.begin(), context.prompt.end())},
            {"n", 1},
            {"max_tokens", p.max_new_tokens},
            {"temperature", p.temperature},
            {"top_p", p.top_p},
            {"top_k", p.top_k == 0 ? -1 : p.top_k},
            {"min_p", p.min_p},
            {"repetition_penalty", p.repetition_penalty},
            {"seed", seed},
            {"logprobs", 1},
            {"return_token_ids", true},
            {"skip_special_tokens", true}};
  if (p.min_new_tokens > 0) { body["min_tokens"] = p.min_new_tokens; }
  if (!p.stop.empty()) { body["stop"] = p.stop; }
  if (!p.stop_ids.empty()) { body["stop_token_ids"] = p.stop_ids; }
  if (!weights.empty()) { body["cache_salt"] = weights; }
  return body;
}

Completion read_completion(const std::string& body, const CompletionContext& context) {
  const Json reply = Json::parse(body, nullptr, false);
  if (reply.is_discarded()) { return {.failure = cat("the reply is no JSON: ", net::excerpt(body))}; }
  try {
    return read(reply, context);
  } catch (const Unusable& unusable) { return {.failure = unusable.reason}; }
}

}  // namespace una::rollout
