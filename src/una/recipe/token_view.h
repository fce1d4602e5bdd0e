#pragma once

#include <string>

#include "una/core/sequence.h"
#include "una/text/tokenizer.h"

namespace una::recipe {

// Makes control characters visible: a line break is \n, others are \x7.
std::string visible(const std::string& text);

// How a sequence is shown to people.
struct TokenView {
  bool color =
      false;  // trained tokens green and the others dim, neighbours told apart by a line; else [brackets]
  bool ids = false;       // each piece is followed by its ids
  std::size_t limit = 0;  // longer sequences are cut in their middle to about so many tokens; 0: never
};

// The text of the tokens with those that are trained on marked. Tokens that share a character (bytes of an emoji)
// are shown as one piece.
std::string shown_tokens(const Sequence& sequence, const text::Tokenizer& tokenizer, const TokenView& view);

// One token as "45 ' name'".
std::string shown_token(std::int32_t id, const text::Tokenizer& tokenizer);

}  // namespace una::recipe
