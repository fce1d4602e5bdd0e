#include "una/serve/chat_prompt.h"

namespace una::serve {

std::string chat_text(const Service& service, const ChatTurns& turns) {
  const text::TextModel& model = service.served.encoder->model();
  const text::ChatTemplate* tools = model.tool_template.get();
  const text::ChatTemplate* used =
      !turns.tools.empty() && tools != nullptr ? tools : model.chat_template.get();
  if (used == nullptr) {
    throw openai::BadRequest("messages",
                             "the model has no chat template; use /v1/completions, or start the server "
                             "with --chat_template_path");
  }
  if (turns.continue_final_message && turns.add_generation_prompt) {
    throw openai::BadRequest("continue_final_message",
                             "'continue_final_message' and 'add_generation_prompt' exclude each other");
  }
  const text::RenderOptions options{.add_generation_prompt = turns.add_generation_prompt,
                                    .continue_final_message = turns.continue_final_message,
                                    .tools = turns.tools,
                                    .documents = "",
                                    .template_kwargs = turns.template_kwargs,
                                    .date = service.served.encoder->options().date};
  try {
    return used->render(turns.messages, options).text;
  } catch (const InputError& error) {
    throw openai::BadRequest("messages",
                             std::string("the chat template refuses the messages: ") + error.what());
  }
}

std::vector<std::int32_t> chat_prompt(const Service& service, const ChatTurns& turns) {
  if (turns.add_generation_prompt && !turns.continue_final_message &&
      service.served.encoder->model().chat_template != nullptr) {
    Text prompt;  // as in training
    prompt.is_chat = true;
    prompt.messages = turns.messages;
    try {
      return service.served.encoder->prompt(
          {.prompt = &prompt, .answers = {}, .tools = turns.tools, .template_kwargs = turns.template_kwargs});
    } catch (const InputError& error) { throw openai::BadRequest("messages", error.what()); }
  }
  return service.tokenizer().encode(chat_text(service, turns), false);
}

}  // namespace una::serve
