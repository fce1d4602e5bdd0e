#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "una/data/dataset.h"
#include "una/rollout/rollout.h"
#include "una/setup/text_setup.h"

namespace una::run {

// The longest prompt, in tokens, with the words for those that are longer.
struct PromptRoom {
  std::int64_t tokens = 0;
  std::string made_of;  // "max_length less max_completion_length"
  std::string remedy;   // "raise --max_length, lower --max_completion_length"
};

// Every prompt of the rows once: rows that share one (a pair and its mirror, four scored answers) are one task. InputError
// when more than allow_dropped of them are longer than `room`.
std::vector<rollout::Prompt> read_prompts(const rows::DataOptions& options, const setup::TextSetup& text,
                                          const PromptRoom& room, rows::ReadReport& report);

// What people are shown of a prompt: the text, or the last turn.
std::string shown_prompt(const Text& prompt);

}  // namespace una::run
