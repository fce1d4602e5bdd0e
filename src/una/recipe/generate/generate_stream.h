#pragma once

#include <string>

#include "una/generate/engine.h"
#include "una/setup/text_setup.h"

namespace una::recipe {

// What `una generate --stream` answers with; all must outlive the calls.
struct StreamParts {
  generate::Engine* engine = nullptr;
  const setup::TextSetup* text = nullptr;
  const rows::DataOptions* data = nullptr;
  SamplingParams sampling;
  std::string system;  // a system turn before each conversation; "": none
};

// To standard output, at once; a model may sample any byte, NUL too.
void show(const std::string& text);

// An answer as standard output has it.
struct ShownAnswer {
  std::string text;
  bool is_whole = false;
};
// Samples the answer to a request and shows it while it grows. A signal ends it: it is not whole then. The engine has no
// other requests.
ShownAnswer show_answer(generate::Engine& engine, const text::Tokenizer& tokenizer,
                        generate::Request request);

// Prints the answer to one prompt as it is sampled. Returns the exit code.
int stream_prompt(const StreamParts& parts, const Example& example);

// The same for every line of standard input, until it ends or a signal comes; at a terminal Ctrl-C during an answer ends
// only that. Each line is a prompt of its own; with apply_chat_template it is the next turn of a conversation, and an empty
// line begins another.
int stream_console(const StreamParts& parts);

// A string prompt; as one user turn, behind the system turn if there is one, where apply_chat_template says so.
Example typed_prompt(const std::string& text, const Where& where, bool as_chat,
                     const std::string& system = "");

}  // namespace una::recipe
