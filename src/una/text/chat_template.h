#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "una/core/example.h"

namespace una::text {

// What a template is given besides the messages.
struct RenderOptions {
  bool add_generation_prompt = false;
  bool continue_final_message = false;
  std::string tools;            // JSON array text or ""
  std::string documents;        // JSON array text or ""
  std::string template_kwargs;  // JSON object text or "": override every other variable
  std::string date;  // "26 Jul 2024" for strftime_now; "" = that date, so that prompts do not drift
};

// A conversation as text.
struct Rendered {
  std::string text;
  std::vector<std::pair<std::size_t, std::size_t>> generation;  // byte spans of {% generation %} blocks
};

// What one rendering may use; an InputError beyond it. A template that takes twice the memory or three times the time
// within one expression ends the program, with a sentence and exit code 2.
struct TemplateLimits {
  std::int64_t megabytes =
      512;              // on top of 20 bytes per byte of the conversation; a sixteenth of it per text
  double seconds = 10;  // of processor time
};

// A chat template exactly as Hugging Face renders it (minijinja through the bridge). Immutable, thread-safe.
class ChatTemplate {
 public:
  // `source` is the Jinja text; `special_tokens_json` the tokenizer's map.
  ChatTemplate(std::string_view source, std::string_view special_tokens_json, const std::string& what,
               const TemplateLimits& limits = {});
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  // InputError with the template's own message (raise_exception) on refusal; the caller adds file and row.
  Rendered render(const std::vector<Message>& messages, const RenderOptions& options) const;
  bool marks_generation() const;  // has {% generation %} blocks

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// chat_template.jinja, else `chat_template` of tokenizer_config.json (a string, or a list of {name,
// template}). None when the folder has neither. `path_override`: a file given by the user.
std::optional<ChatTemplate> load_chat_template(const std::string& folder,
                                               const std::string& special_tokens_json,
                                               const std::string& path_override, bool with_tools,
                                               const TemplateLimits& limits = {});

// The Jinja text of the folder's default template, found the same way; "" when it has none.
std::string chat_template_source(const std::string& folder);

}  // namespace una::text
