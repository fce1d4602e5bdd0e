#include "una/text/written.h"

#include <string>
#include <vector>

#include "una/base/error.h"

namespace una::text {
namespace {

// With the name both where OpenAI's format has it and at the top, where some templates look for it.
constexpr const char* kTools =
    R"([{"type": "function", "name": "una_tool", "description": "A tool.", "parameters": {"type": "object", "properties": {}},)"
    R"( "function": {"name": "una_tool", "description": "A tool.", "parameters": {"type": "object", "properties": {}}}}])";
constexpr const char* kSystem = "una-system";

bool writes(const ChatTemplate* chat_template, const std::vector<Message>& turns, const char* tools,
            const char* wanted) {
  if (chat_template == nullptr) { return true; }
  try {
    const RenderOptions options{.add_generation_prompt = true, .tools = tools};
    return chat_template->render(turns, options).text.find(wanted) != std::string::npos;
  } catch (const InputError&) { return true; }
}

}  // namespace

Written what_is_written(const TextModel& model) {
  const Message user{.role = "user", .content = "Hello", .extra = ""};
  const Message system{.role = "system", .content = kSystem, .extra = ""};
  const bool has_own = model.tool_template != nullptr;
  const ChatTemplate* plain = model.chat_template.get();
  return {.tools = writes(has_own ? model.tool_template.get() : plain, {user}, kTools, "una_tool"),
          .system = writes(plain, {system, user}, "", kSystem)};
}

}  // namespace una::text
