#include "una/demo/task.h"

#include "una/base/error.h"
#include "una/demo/dialogue/dialogue.h"

namespace una::demo::dialogue {
namespace {

Prompt read(std::string_view text) {
  const std::optional<Prompt> prompt = parse_prompt(text);
  check(prompt.has_value(), "dialogue: a prompt of another task");
  return *prompt;
}

}  // namespace

Task task() {
  return {.name = "dialogue",
          .summary = "one sentence for a dialogue act with slots",
          .make_prompts = make_prompt_texts,
          .make_answer = [](std::string_view prompt, double quality,
                            Rng& rng) { return make_answer(read(prompt), quality, rng); },
          .gold = [](std::string_view prompt, std::string_view answer) { return gold(read(prompt), answer); },
          .quality = {.lowest = 0.3, .highest = 0.9},
          .max_new_tokens = 64};
}

}  // namespace una::demo::dialogue
