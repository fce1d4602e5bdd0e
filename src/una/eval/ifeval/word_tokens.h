#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "una/eval/ifeval/punkt.h"

namespace una::eval::ifeval {

// nltk.word_tokenize of NLTK 3.10: sentences by punkt, words by the rules of the Penn Treebank. "can't" is "ca" and
// "n't", a final full stop is a word.
std::vector<std::string> word_tokens(const Punkt& punkt, std::string_view text);

}  // namespace una::eval::ifeval
