#include "una/recipe/generate/generate_stream.h"

#include <cstdio>
#include <iostream>
#include <optional>
#include <utility>

#include <unistd.h>

#include "una/base/error.h"
#include "una/base/log.h"
#include "una/base/os/interrupt.h"
#include "una/data/dataset.h"
#include "una/generate/text_stream.h"

namespace una::recipe {
namespace {

// The answer to one prompt, or what was shown of it where `goes_on` and Ctrl-C ended it; nullopt: another signal did.
std::optional<std::string> answer(const StreamParts& parts, const Example& example, std::int64_t id,
                                  bool goes_on) {
  std::vector<std::int32_t> prompt = data::tokenise_prompt(example, *parts.data, parts.text->encoder).ids;
  ShownAnswer shown = show_answer(*parts.engine, parts.text->tokenizer(),
                                  {.id = id, .prompt = std::move(prompt), .params = parts.sampling});
  const bool stays = shown.is_whole || (goes_on && forget_ctrl_c());
  return stays ? std::optional(std::move(shown.text)) : std::nullopt;
}

}  // namespace

void show(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

ShownAnswer show_answer(generate::Engine& engine, const text::Tokenizer& tokenizer,
                        generate::Request request) {
  generate::TextStream stream(&tokenizer, request.params.stop, request.prompt);
  std::string shown;
  engine.on_token([&](const generate::Output& so_far) {
    const std::string more = stream.push(so_far.ids);
    shown += more;
    show(more);
  });
  const std::uint64_t ticket = engine.add(std::move(request));
  while (!engine.done() && !interrupted()) {
    for (generate::Output& output : engine.step()) {
      show(stream.finish(output.text) + "\n");
      return {.text = std::move(output.text), .is_whole = true};
    }
  }
  engine.cancel(ticket);
  show("\n");
  return {.text = std::move(shown), .is_whole = false};
}

Example typed_prompt(const std::string& text, const Where& where, bool as_chat, const std::string& system) {
  Example example;
  example.where = where;
  example.unit = Unit::kPrompt;
  example.prompt.is_chat = as_chat;
  if (as_chat) {
    if (!system.empty()) { example.prompt.messages.push_back({"system", system, ""}); }
    example.prompt.messages.push_back({"user", text, ""});
  } else {
    example.prompt.plain = text;
  }
  return example;
}

int stream_prompt(const StreamParts& parts, const Example& example) {
  return answer(parts, example, 0, false) ? 0 : 128 + interrupt_signal();
}

int stream_console(const StreamParts& parts) {
  const bool is_chat = parts.data->apply_chat_template, is_person = ::isatty(STDIN_FILENO) != 0;
  if (is_person) {
    log_info(
        is_chat
            ? "one turn a line; an empty line begins another conversation, Ctrl-C ends an answer, Ctrl-D all"
            : "one prompt a line; Ctrl-C ends an answer, Ctrl-D all");
  }
  std::vector<Message> conversation;
  std::string line;
  for (std::int64_t number = 1; !interrupted(); ++number) {
    if (is_person) { show("> "); }
    if (!std::getline(std::cin, line)) { break; }
    if (line.empty()) {
      conversation.clear();
      continue;
    }
    Example example =
        typed_prompt(line, {"standard input", number}, is_chat, conversation.empty() ? parts.system : "");
    if (is_chat) {
      std::vector<Message>& turns = example.prompt.messages;
      turns.insert(turns.begin(), conversation.begin(), conversation.end());
      conversation = turns;
    }
    const std::optional<std::string> said = answer(parts, example, number, is_person);
    if (!said) { break; }
    if (is_chat) { conversation.push_back({"assistant", *said, ""}); }
  }
  return interrupted() ? 128 + interrupt_signal() : 0;
}

}  // namespace una::recipe
