#include "una/data/fit.h"

#include <algorithm>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/rows/drops.h"

namespace una::data::detail {
namespace {

struct Limits {
  std::size_t total, prompt;  // prompt: SIZE_MAX when it has no limit of its own
};

Limits limits_of(const rows::DataOptions& options) {
  return {static_cast<std::size_t>(options.max_length),
          options.max_prompt_length > 0 ? static_cast<std::size_t>(options.max_prompt_length) : SIZE_MAX};
}

const char* problem_of(const Piece& piece, const Limits& limits) {
  if (piece.overlong) { return rows::kTooLong; }
  if (piece.prompt > limits.prompt) { return rows::kPromptTooLong; }
  if (piece.ids.size() <= limits.total) { return ""; }
  return piece.prompt > 0 && piece.prompt >= limits.total ? rows::kPromptFills : rows::kTooLong;
}

// The answers keep all their tokens, the prompt gives way; one cut for the row, so the prompts stay equal.
void cut_prompts(std::vector<Piece*>& pieces, const Limits& limits, std::int32_t bos) {
  std::size_t answer = 0, prompt = 0;
  for (const Piece* piece : pieces) {
    answer = std::max(answer, piece->ids.size() - piece->prompt);
    prompt = std::max(prompt, piece->prompt);
  }
  if (answer >= limits.total) {
    return;  // no cut makes room; problem_of says so
  }
  const std::size_t room = std::min(limits.prompt, limits.total - answer);
  if (prompt <= room) { return; }
  for (Piece* piece : pieces) { cut_prompt_left(*piece, prompt - room, bos); }
}

// Lost tokens include the EOS, and none is put in its place.
void cut_answer(Piece& piece, const Limits& limits) {
  if (piece.ids.size() <= limits.total) { return; }
  piece.ids.resize(limits.total);
  piece.truncated = true;
}

}  // namespace

void cut_prompt_left(Piece& piece, std::size_t cut, std::int32_t bos) {
  const std::size_t keep = bos >= 0 && !piece.ids.empty() && piece.ids[0] == bos && piece.prompt > 0 ? 1 : 0;
  cut = std::min(cut, piece.prompt - keep);
  if (cut == 0) { return; }
  const auto begin = piece.ids.begin() + static_cast<std::ptrdiff_t>(keep);
  piece.ids.erase(begin, begin + static_cast<std::ptrdiff_t>(cut));
  piece.prompt -= cut;
  piece.truncated = true;
}

FitResult fit_row(std::vector<Piece>& pieces, const rows::DataOptions& options, std::int32_t bos,
                  bool may_shrink) {
  const Limits limits = limits_of(options);
  const rows::Overlong policy = rows::parse_overlong(options.overlong);
  FitResult result;
  if (policy == rows::Overlong::kTruncatePromptLeft) {
    std::vector<Piece*>
        fitting;  // a group's answers that no cut can save must not cost the others their prompt
    for (Piece& piece : pieces) {
      if (!may_shrink || piece.ids.size() - piece.prompt < limits.total) { fitting.push_back(&piece); }
    }
    cut_prompts(fitting, limits, bos);
  }
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const char* problem = problem_of(pieces[i], limits);
    if (policy == rows::Overlong::kTruncateCompletion && problem == rows::kTooLong && !pieces[i].overlong) {
      cut_answer(pieces[i], limits);
      problem = "";
    }
    result.truncated = result.truncated || pieces[i].truncated;
    if (problem == rows::kTooLong && may_shrink && policy != rows::Overlong::kError) {
      result.gone.push_back(i);
    } else if (*problem != '\0') {
      result.drop = problem;
    }
  }
  return result;
}

}  // namespace una::data::detail
