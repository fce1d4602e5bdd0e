#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "una/base/error.h"
#include "una/text/chat_template.h"

// A chat template: rewritten for {% generation %}, compiled and rendered by the bridge. Spans must lie in the
// text.
namespace {

using una::text::ChatTemplate;
using una::text::Rendered;

const std::vector<una::Message>& conversation() {
  static const std::vector<una::Message> turns = {
      {"system", "be brief", ""},
      {"user", " Größe? ", R"({"name": "ann"})"},
      {"assistant", "<s>7</s>\n", R"({"tool_calls": [{"function": {"name": "f", "arguments": {"x": 1}}}]})"}};
  return turns;
}

bool is_boundary(const std::string& text, std::size_t at) {
  return at == text.size() || (static_cast<unsigned char>(text[at]) & 0xC0U) != 0x80U;
}

void render(const ChatTemplate& chat, const una::text::RenderOptions& options) {
  try {
    const Rendered rendered = chat.render(conversation(), options);
    for (const auto& [begin, end] : rendered.generation) {
      una::check(begin <= end && end <= rendered.text.size(), "fuzz: a span outside the text");
      una::check(is_boundary(rendered.text, begin) && is_boundary(rendered.text, end),
                 "fuzz: a span cuts a letter");
    }
  } catch (const una::InputError&) {  // the only way out that is allowed
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const ChatTemplate chat({reinterpret_cast<const char*>(data), size},
                            R"({"bos_token": "<s>", "eos_token": "</s>"})", "chat_template.jinja");
    render(chat,
           {.add_generation_prompt = true, .tools = R"([{"type": "function", "function": {"name": "f"}}])"});
    render(chat, {.continue_final_message = true});
  } catch (const una::InputError&) {  // the only way out that is allowed
  }
  return 0;
}
