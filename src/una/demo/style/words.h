#pragma once

#include <string>
#include <vector>

// For this task's sources: the words of its notes besides those that demands name.
namespace una::demo::style::detail {

using Words = std::vector<std::string>;

const Words& adjectives();
const Words& fillers();  // one word each, at the end of a note
// Whether the teacher uses the word (lower case).
bool is_known(const std::string& word);

}  // namespace una::demo::style::detail
