#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "una/core/example.h"
#include "una/serve/service.h"

namespace una::serve {

// A conversation as a request gives it to the chat template.
struct ChatTurns {
  std::vector<Message> messages;
  std::string tools = {}, template_kwargs = {};  // JSON texts or ""
  bool add_generation_prompt = true, continue_final_message = false;
};

// What the template makes of it. BadRequest (400) where the model has no template or it refuses the turns.
std::string chat_text(const Service& service, const ChatTurns& turns);
std::vector<std::int32_t> chat_prompt(const Service& service, const ChatTurns& turns);

}  // namespace una::serve
