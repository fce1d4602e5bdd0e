#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "una/rows/data_options.h"

// Lengths: what is cut or left out when a row is too long.
namespace una::data::detail {

// A prompt with one answer: ids[0, prompt) is the prompt.
struct Piece {
  std::vector<std::int32_t> ids;
  std::size_t prompt = 0;
  bool truncated = false;
  bool overlong = false;  // certainly over max_length by its bytes: not tokenised, and not to be cut
};

// What fitting a row to max_length did to it.
struct FitResult {
  const char* drop = "";          // not "": the reason why the whole row leaves
  bool truncated = false;         // something was cut
  std::vector<std::size_t> gone;  // answers of a group that leave alone, as over max_length
};

// Makes all pieces of a row fit. `bos` stays in front when a prompt loses its beginning (-1: none). In a
// group (`may_shrink`) an answer that does not fit leaves alone. With kError the reason is returned in
// `drop`, and the caller raises it.
FitResult fit_row(std::vector<Piece>& pieces, const rows::DataOptions& options, std::int32_t bos,
                  bool may_shrink);

// Takes `cut` tokens of the prompt's beginning away, but not a leading `bos`.
void cut_prompt_left(Piece& piece, std::size_t cut, std::int32_t bos);

}  // namespace una::data::detail
