#include "una/openai/chat.h"

#include <utility>

#include "una/base/format.h"
#include "una/core/text_json.h"

namespace una::openai {
namespace {

// A string, or the texts of a list of {"type": "text"} parts; null is "".
std::string content_of(const Json& message, const std::string& param) {
  const Json* content = member(message, "content");
  if (content == nullptr) { return ""; }
  if (content->is_string()) { return content->get<std::string>(); }
  std::string text;
  if (!content->is_array()) { throw BadRequest(param, cat("'", param, "': content must be a string")); }
  for (const Json& part : *content) {
    const Json *type = member(part, "type"), *words = member(part, "text");
    const bool is_text = type != nullptr && *type == "text" && words != nullptr && words->is_string();
    if (!is_text) { throw BadRequest(param, cat("'", param, "': only parts of type text are supported")); }
    text += words->get<std::string>();
  }
  return text;
}

// All members but role and content, as JSON text; "" where there are none.
std::string extra_of(const Json& message) {
  Json extra = Json::object();
  for (const auto& [key, value] : message.items()) {
    if (key != "role" && key != "content" && !value.is_null()) { extra[key] = value; }
  }
  return extra.empty() ? "" : extra.dump();
}

Message message_of(const Json& message, const std::string& param) {
  const Json* role = member(message, "role");
  if (role == nullptr || !role->is_string()) {
    throw BadRequest(param, cat("'", param, "': a role is missing"));
  }
  return {
      .role = role->get<std::string>(), .content = content_of(message, param), .extra = extra_of(message)};
}

std::vector<Message> messages_of(const detail::Fields& fields) {
  const Json* list = fields.any("messages");
  if (list == nullptr || !list->is_array() || list->empty()) {
    throw BadRequest("messages", "'messages' must be a list of at least one message");
  }
  std::vector<Message> messages;
  for (const Json& message : *list) { messages.push_back(message_of(message, "messages")); }
  return messages;
}

void refuse_what_we_lack(const detail::Fields& fields) {
  fields.refuse_unless("logit_bias", Json::object());
  fields.refuse_unless("response_format", {{"type", "text"}});
  fields.refuse_unless("skip_special_tokens", true);
  for (const char* name : {"functions", "guided_json", "guided_regex", "guided_choice", "guided_grammar"}) {
    fields.refuse_unless(name, nullptr);
  }
  const Json* choice = fields.any("tool_choice");
  if (choice != nullptr && *choice != "auto" && *choice != "none") {
    throw BadRequest("tool_choice", "'tool_choice' must be auto or none");
  }
}

// The fields that are read here, or refused; others are passed over.
const std::vector<std::string> kKnown = {"model",
                                         "messages",
                                         "temperature",
                                         "top_p",
                                         "top_k",
                                         "min_p",
                                         "max_tokens",
                                         "max_completion_tokens",
                                         "min_tokens",
                                         "seed",
                                         "stop",
                                         "stop_token_ids",
                                         "n",
                                         "stream",
                                         "stream_options",
                                         "tools",
                                         "tool_choice",
                                         "chat_template_kwargs",
                                         "repetition_penalty",
                                         "presence_penalty",
                                         "frequency_penalty",
                                         "logprobs",
                                         "top_logprobs",
                                         "ignore_eos",
                                         "add_generation_prompt",
                                         "continue_final_message",
                                         "logit_bias",
                                         "response_format",
                                         "skip_special_tokens",
                                         "functions",
                                         "guided_json",
                                         "guided_regex",
                                         "guided_choice",
                                         "guided_grammar"};

std::string text_of(const Json* json) { return json == nullptr ? "" : json->dump(); }

}  // namespace

Json request_json(const ChatRequest& request) {
  Json body{{"model", request.model}, {"messages", Json::array()}};
  for (const Message& message : request.messages) { body["messages"].push_back(message_json(message)); }
  if (request.temperature) { body["temperature"] = *request.temperature; }
  if (request.top_p) { body["top_p"] = *request.top_p; }
  if (request.max_tokens) { body["max_tokens"] = *request.max_tokens; }
  if (request.seed) { body["seed"] = *request.seed; }
  if (!request.stop.empty()) { body["stop"] = request.stop; }
  if (request.n != 1) { body["n"] = request.n; }
  if (request.stream) { body["stream"] = true; }
  if (!request.tools.empty()) { body["tools"] = parse_json(request.tools, "tools"); }
  if (!request.template_kwargs.empty()) {
    body["chat_template_kwargs"] = parse_json(request.template_kwargs, "chat_template_kwargs");
  }
  return body;
}

ChatRequest read_chat_request(const std::string& body) {
  const detail::Fields fields(body);
  refuse_what_we_lack(fields);
  ChatRequest request;
  request.model = fields.text("model").value_or("");
  request.messages = messages_of(fields);
  request.temperature = fields.number("temperature");
  request.top_p = fields.number("top_p");
  request.max_tokens = fields.integer("max_completion_tokens");
  if (!request.max_tokens) { request.max_tokens = fields.integer("max_tokens"); }
  request.seed = fields.integer("seed");
  request.stop = fields.texts("stop");
  request.n = fields.count("n", 1, detail::kMostChoices).value_or(1);
  request.stream = fields.flag("stream").value_or(false);
  request.sampling = detail::sampling_of(fields);
  request.include_usage = detail::wants_usage(fields);
  request.ignore_eos = fields.flag("ignore_eos").value_or(false);
  request.add_generation_prompt = fields.flag("add_generation_prompt").value_or(true);
  request.continue_final_message = fields.flag("continue_final_message").value_or(false);
  const auto top = fields.count("top_logprobs", 0, detail::kMostAlternatives);
  if (fields.flag("logprobs").value_or(false)) { request.top_logprobs = top.value_or(0); }
  request.ignored = fields.unknown(kKnown);
  request.tools = text_of(fields.any("tools"));
  request.template_kwargs = text_of(fields.any("chat_template_kwargs"));
  return request;
}

Json reply_json(const ChatReply& reply) {
  Json choices = Json::array();
  for (const ChatChoice& choice : reply.choices) {
    Json one{{"index", choice.index}, {"message", message_json(choice.message)}, {"finish_reason", nullptr}};
    if (!choice.finish_reason.empty()) { one["finish_reason"] = choice.finish_reason; }
    if (choice.logprobs) { one["logprobs"] = *choice.logprobs; }
    choices.push_back(std::move(one));
  }
  return {{"id", reply.id},       {"object", "chat.completion"}, {"created", reply.created},
          {"model", reply.model}, {"choices", choices},          {"usage", usage_json(reply.usage)}};
}

Json piece_json(const ChatReply& reply, bool first) {
  Json json = reply_json(reply);
  json["object"] = "chat.completion.chunk";
  json.erase("usage");
  json["choices"] = Json::array();
  for (const ChatChoice& choice : reply.choices) {
    Json delta = Json::object();
    if (first) { delta["role"] = choice.message.role; }
    if (first || !choice.message.content.empty()) { delta["content"] = choice.message.content; }
    Json one{{"index", choice.index}, {"delta", delta}, {"finish_reason", nullptr}};
    if (choice.logprobs) { one["logprobs"] = *choice.logprobs; }
    if (!choice.finish_reason.empty()) { one["finish_reason"] = choice.finish_reason; }
    json["choices"].push_back(std::move(one));
  }
  return json;
}

Json usage_piece_json(const ChatReply& reply) {
  Json json = reply_json(reply);
  json["object"] = "chat.completion.chunk";
  json["choices"] = Json::array();
  return json;
}

ReadChatReply read_chat_reply(const std::string& body) {
  ReadChatReply out;
  const Json reply = Json::parse(body, nullptr, false);
  if (!reply.is_object()) {
    out.problem = "the reply is not a JSON object";
    return out;
  }
  out.reply.usage = read_usage(reply);
  detail::read_head(reply, out.reply.id, out.reply.model, out.reply.created);
  const Json* choices = member(reply, "choices");
  for (const Json& choice : choices != nullptr && choices->is_array() ? *choices : Json::array()) {
    const Json* message = member(choice, "message");
    const Json* content = message == nullptr ? nullptr : member(*message, "content");
    if (content == nullptr || !content->is_string()) { break; }
    const Json *role = member(*message, "role"), *reason = member(choice, "finish_reason");
    out.reply.choices.push_back(
        {.index = std::ssize(out.reply.choices),
         .message = {.role = role != nullptr && role->is_string() ? role->get<std::string>() : "assistant",
                     .content = content->get<std::string>(),
                     .extra = extra_of(*message)},
         .finish_reason = reason != nullptr && reason->is_string() ? reason->get<std::string>() : ""});
  }
  if (out.reply.choices.empty()) { out.problem = "the reply has no choices[0].message.content"; }
  return out;
}

}  // namespace una::openai
