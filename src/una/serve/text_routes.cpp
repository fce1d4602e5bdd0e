// POST /tokenize and /detokenize, in vLLM's form.
#include "una/openai/chat.h"
#include "una/serve/chat_prompt.h"
#include "una/serve/routes.h"

namespace una::serve {
namespace {

// The ids of a prompt or of messages, which a request has exactly one of.
std::vector<std::int32_t> ids_of(const Service& service, const std::string& body) {
  const openai::detail::Fields fields(body);
  const std::optional<std::string> prompt = fields.text("prompt");
  if (!prompt) {
    const openai::ChatRequest chat = openai::read_chat_request(body);
    return chat_prompt(service, {.messages = chat.messages,
                                 .tools = chat.tools,
                                 .template_kwargs = chat.template_kwargs,
                                 .add_generation_prompt = chat.add_generation_prompt,
                                 .continue_final_message = chat.continue_final_message});
  }
  return service.tokenizer().encode(*prompt, fields.flag("add_special_tokens").value_or(true));
}

}  // namespace

Routed tokenize(Service& service, const net::Arrived& arrived) {
  const openai::detail::Fields fields(arrived.body);
  const std::vector<std::int32_t> ids = ids_of(service, arrived.body);
  Json out{{"count", ids.size()},
           {"max_model_len", service.max_model_len},
           {"tokens", ids},
           {"token_strs", nullptr}};
  if (fields.flag("return_token_strs").value_or(false)) {
    out["token_strs"] = Json::array();
    for (const std::int32_t id : ids) { out["token_strs"].push_back(service.tokenizer().token_of(id)); }
  }
  return json_answer(out);
}

Routed detokenize(Service& service, const net::Arrived& arrived) {
  const openai::detail::Fields fields(arrived.body);
  if (fields.any("tokens") == nullptr) { throw openai::BadRequest("tokens", "'tokens' is missing"); }
  return json_answer({{"prompt", service.tokenizer().decode(fields.ids("tokens"), false)}});
}

}  // namespace una::serve
