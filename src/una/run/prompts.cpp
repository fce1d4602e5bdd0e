#include "una/run/prompts.h"

#include <algorithm>
#include <set>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/data/tokenise.h"
#include "una/views/read_examples.h"

namespace una::run {

std::vector<rollout::Prompt> read_prompts(const rows::DataOptions& options, const setup::TextSetup& text,
                                          const PromptRoom& room, rows::ReadReport& report) {
  std::vector<rollout::Prompt> prompts;
  std::set<std::vector<std::int32_t>> seen;
  std::int64_t too_long = 0;
  check_input(room.tokens > 0, room.made_of, " leaves ", room.tokens, " tokens for a prompt; ", room.remedy);
  rows::DataOptions reading = options;
  reading.feedback = "auto";  // feedback of the rows is not read
  reading.score_mapping = "range";
  reading.binary_threshold = rows::DataOptions{}.binary_threshold;
  for (Example& example : views::read_prompts(reading, report)) {
    example.responses.clear();
    example.unit = Unit::kPrompt;
    std::vector<std::int32_t> ids = data::tokenise_prompt(example, options, text.encoder).ids;
    if (std::ssize(ids) > room.tokens) {
      ++too_long;
    } else if (seen.insert(ids).second) {
      prompts.push_back({.example = std::move(example), .ids = std::move(ids)});
    }
  }
  const auto kept = static_cast<std::int64_t>(prompts.size());
  const double lost =
      static_cast<double>(too_long) / std::max<double>(1, static_cast<double>(kept + too_long));
  check_input(lost <= options.allow_dropped, thousands(too_long), " of ", thousands(kept + too_long),
              " prompts are longer than ", room.tokens, " tokens (", room.made_of, "); ", room.remedy,
              ", or allow it with --allow_dropped");
  if (too_long > 0) { report.dropped["prompt leaves no room for max_completion_length"] = too_long; }
  report.rows_kept = kept;
  report.by_unit = {{"prompt", kept}};
  return prompts;
}

std::string shown_prompt(const Text& prompt) {
  if (!prompt.is_chat) { return prompt.plain; }
  return prompt.messages.empty() ? "" : prompt.messages.back().content;
}

}  // namespace una::run
