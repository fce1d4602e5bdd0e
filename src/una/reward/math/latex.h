#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace una::reward::math {

// An answer without what LaTeX and people write around it: sizes, spacing, dollar signs, units, degrees, thousands
// commas, \text{...} (a connecting "and" becomes a comma). Rows of a matrix are separated by '\x01'. Linear time.
std::string clean_answer(const std::string& answer);

// How a text that is not a formula is compared: letters in lower case, without LaTeX's wrappers and white space.
std::string text_key(const std::string& answer);

// Parts between `separator` outside of brackets and braces.
std::vector<std::string> split_outside(std::string_view text, std::string_view separator);

// Whether the brackets in the text close in order, none before it opens.
bool is_balanced(std::string_view text);

// The index behind the brace that closes the one at `open`; npos: never closed.
std::size_t behind_braces(std::string_view text, std::size_t open);

}  // namespace una::reward::math
