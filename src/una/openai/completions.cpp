#include "una/openai/completions.h"

#include <limits>
#include <utility>

#include "una/base/format.h"

namespace una::openai {
namespace {

// The fields that are read here, or refused; others are passed over.
const std::vector<std::string> kKnown = {"model",
                                         "prompt",
                                         "max_tokens",
                                         "min_tokens",
                                         "temperature",
                                         "top_p",
                                         "top_k",
                                         "min_p",
                                         "repetition_penalty",
                                         "presence_penalty",
                                         "frequency_penalty",
                                         "seed",
                                         "stop",
                                         "stop_token_ids",
                                         "n",
                                         "best_of",
                                         "logprobs",
                                         "prompt_logprobs",
                                         "return_token_ids",
                                         "echo",
                                         "stream",
                                         "stream_options",
                                         "cache_salt",
                                         "add_special_tokens",
                                         "ignore_eos",
                                         "suffix",
                                         "logit_bias",
                                         "response_format",
                                         "skip_special_tokens"};

Json prompt_json(const std::variant<TokenIds, std::string>& prompt) {
  return std::visit([](const auto& value) { return Json(value); }, prompt);
}

// A string, a list of strings, a list of ids or a list of lists of ids.
std::vector<std::variant<TokenIds, std::string>> prompts_of(const detail::Fields& fields) {
  const Json* prompt = fields.any("prompt");
  if (prompt == nullptr) { throw BadRequest("prompt", "'prompt' is missing"); }
  if (prompt->is_string()) { return {prompt->get<std::string>()}; }
  if (!prompt->is_array() || prompt->empty()) {
    throw BadRequest("prompt", "'prompt' must be a string, token ids, or a list of them");
  }
  if (prompt->front().is_number()) { return {detail::read_ids(*prompt, "prompt")}; }
  std::vector<std::variant<TokenIds, std::string>> prompts;
  for (const Json& each : *prompt) {
    if (each.is_string()) {
      prompts.emplace_back(each.get<std::string>());
    } else {
      prompts.emplace_back(detail::read_ids(each, "prompt"));
    }
  }
  return prompts;
}

std::optional<std::vector<double>> numbers_of(const Json* list) {
  if (list == nullptr || !list->is_array()) { return std::nullopt; }
  std::vector<double> numbers;
  for (const Json& value : *list) {
    numbers.push_back(value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN());
  }
  return numbers;
}

void read_logprobs(const Json* logprobs, CompletionChoice& choice) {
  if (logprobs == nullptr) { return; }
  const Json *tokens = member(*logprobs, "tokens"), *values = member(*logprobs, "token_logprobs");
  for (const Json& token : tokens != nullptr && tokens->is_array() ? *tokens : Json::array()) {
    choice.tokens.push_back(token.is_string() ? token.get<std::string>() : "");
  }
  for (const Json& value : values != nullptr && values->is_array() ? *values : Json::array()) {
    choice.token_logprobs.push_back(value.is_number() ? std::optional(value.get<double>()) : std::nullopt);
  }
}

CompletionChoice choice_of(const Json& json, const Json& reply) {
  CompletionChoice choice;
  const Json *index = member(json, "index"), *text = member(json, "text");
  const Json* reason = member(json, "finish_reason");
  if (index != nullptr && index->is_number_integer()) { choice.index = index->get<std::int64_t>(); }
  if (text != nullptr && text->is_string()) { choice.text = text->get<std::string>(); }
  if (reason != nullptr && reason->is_string()) { choice.finish_reason = reason->get<std::string>(); }
  for (const char* name : {"stop_reason", "matched_stop"}) {  // vLLM's name, SGLang's
    if (json.contains(name) && (!choice.stop_reason || choice.stop_reason->is_null())) {
      choice.stop_reason = json[name];
    }
  }
  choice.token_ids = numbers_of(member(json, "token_ids"));
  choice.prompt_token_ids = numbers_of(member(json, "prompt_token_ids"));
  if (!choice.prompt_token_ids) { choice.prompt_token_ids = numbers_of(member(reply, "prompt_token_ids")); }
  read_logprobs(member(json, "logprobs"), choice);
  return choice;
}

// Whole numbers without a point: readers want integers.
Json ids_json(const std::vector<double>& ids) {
  Json out = Json::array();
  for (const double id : ids) { out.push_back(static_cast<std::int64_t>(id)); }
  return out;
}

Json choice_json(const CompletionChoice& choice) {
  Json json{{"index", choice.index},
            {"text", choice.text.value_or("")},
            {"finish_reason", nullptr},
            {"logprobs", nullptr}};
  if (!choice.finish_reason.empty()) { json["finish_reason"] = choice.finish_reason; }
  if (choice.stop_reason) { json["stop_reason"] = *choice.stop_reason; }
  if (choice.token_ids) { json["token_ids"] = ids_json(*choice.token_ids); }
  if (choice.prompt_token_ids) { json["prompt_token_ids"] = ids_json(*choice.prompt_token_ids); }
  if (choice.prompt_logprobs) { json["prompt_logprobs"] = *choice.prompt_logprobs; }
  if (choice.logprobs) { json["logprobs"] = *choice.logprobs; }
  if (choice.tokens.empty() && choice.token_logprobs.empty()) { return json; }
  Json values = Json::array();
  for (const std::optional<double>& value : choice.token_logprobs) {
    values.push_back(value ? Json(*value) : Json(nullptr));
  }
  json["logprobs"] = {{"tokens", choice.tokens}, {"token_logprobs", values}};
  return json;
}

}  // namespace

Json request_json(const CompletionRequest& request) {
  const SamplingParams& p = request.sampling;
  Json prompt = prompt_json(request.prompts.at(0));
  if (request.prompts.size() > 1) {
    prompt = Json::array();
    for (const auto& each : request.prompts) { prompt.push_back(prompt_json(each)); }
  }
  Json body{{"model", request.model},
            {"prompt", std::move(prompt)},
            {"n", request.n},
            {"max_tokens", p.max_new_tokens},
            {"temperature", p.temperature},
            {"top_p", p.top_p},
            {"top_k", p.top_k == 0 ? -1 : p.top_k},
            {"min_p", p.min_p},
            {"repetition_penalty", p.repetition_penalty},
            {"seed", p.seed}};
  if (request.logprobs) { body["logprobs"] = *request.logprobs; }
  if (request.return_token_ids) { body["return_token_ids"] = true; }
  body["skip_special_tokens"] = true;
  if (p.min_new_tokens > 0) { body["min_tokens"] = p.min_new_tokens; }
  if (!p.stop.empty()) { body["stop"] = p.stop; }
  if (!p.stop_ids.empty()) { body["stop_token_ids"] = p.stop_ids; }
  if (request.echo) { body["echo"] = true; }
  if (request.stream) { body["stream"] = true; }
  if (!request.cache_salt.empty()) { body["cache_salt"] = request.cache_salt; }
  return body;
}

CompletionRequest read_completion_request(const std::string& body) {
  const detail::Fields fields(body);
  fields.refuse_unless("logit_bias", Json::object());
  fields.refuse_unless("response_format", {{"type", "text"}});
  fields.refuse_unless("suffix", "");
  fields.refuse_unless("best_of", fields.integer("n").value_or(1));
  fields.refuse_unless("skip_special_tokens", true);
  CompletionRequest request;
  request.model = fields.text("model").value_or("");
  request.prompts = prompts_of(fields);
  request.sampling = detail::sampling_of(fields);
  request.seeded = fields.any("seed") != nullptr;
  request.n = fields.count("n", 1, detail::kMostChoices).value_or(1);
  request.logprobs = fields.count("logprobs", 0, detail::kMostAlternatives);
  request.prompt_logprobs = fields.count("prompt_logprobs", 0, detail::kMostAlternatives);
  request.include_usage = detail::wants_usage(fields);
  request.add_special_tokens = fields.flag("add_special_tokens").value_or(true);
  request.ignore_eos = fields.flag("ignore_eos").value_or(false);
  request.ignored = fields.unknown(kKnown);
  request.return_token_ids = fields.flag("return_token_ids").value_or(false);
  request.echo = fields.flag("echo").value_or(false);
  request.stream = fields.flag("stream").value_or(false);
  request.cache_salt = fields.text("cache_salt").value_or("");
  return request;
}

Json reply_json(const CompletionReply& reply) {
  Json choices = Json::array();
  for (const CompletionChoice& choice : reply.choices) { choices.push_back(choice_json(choice)); }
  return {{"id", reply.id},       {"object", "text_completion"}, {"created", reply.created},
          {"model", reply.model}, {"choices", choices},          {"usage", usage_json(reply.usage)}};
}

Json piece_json(const CompletionReply& reply) {
  Json json = reply_json(reply);
  json.erase("usage");
  return json;
}

Json usage_piece_json(const CompletionReply& reply) {
  Json json = reply_json(reply);
  json["choices"] = Json::array();
  return json;
}

ReadCompletionReply read_completion_reply(const std::string& body) {
  ReadCompletionReply out;
  const Json reply = Json::parse(body, nullptr, false);
  if (reply.is_discarded()) {
    out.problem = "the reply is not JSON";
    return out;
  }
  out.reply.usage = read_usage(reply);
  detail::read_head(reply, out.reply.id, out.reply.model, out.reply.created);
  const Json* choices = member(reply, "choices");
  for (const Json& choice : choices != nullptr && choices->is_array() ? *choices : Json::array()) {
    out.reply.choices.push_back(choice_of(choice, reply));
  }
  if (out.reply.choices.empty()) { out.problem = "the reply has no choices"; }
  return out;
}

}  // namespace una::openai
