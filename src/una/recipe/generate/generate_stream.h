#pragma once

#include "una/generate/engine.h"
#include "una/setup/text_setup.h"

namespace una::recipe {

// What `una generate --stream` answers with; all must outlive the calls.
struct StreamParts {
  generate::Engine* engine = nullptr;
  const setup::TextSetup* text = nullptr;
  const rows::DataOptions* data = nullptr;
  SamplingParams sampling;
};

// To standard output, at once; a model may sample any byte, NUL too.
void show(const std::string& text);

// Prints the answer to one prompt as it is sampled. Returns the exit code.
int stream_prompt(const StreamParts& parts, const Example& example);

// The same for every line of standard input, until it ends or Ctrl-C comes. Each line is a prompt of its own; with
// apply_chat_template it is the next turn of a conversation, and an empty line begins another.
int stream_console(const StreamParts& parts);

// A string prompt, as one user turn where apply_chat_template says so.
Example typed_prompt(const std::string& text, const std::string& origin, std::int64_t line, bool as_chat);

}  // namespace una::recipe
