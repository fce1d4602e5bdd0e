#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "una/demo/dialogue/dialogue.h"

// For this task's sources: its words, shared by the generator and the scorer.
namespace una::demo::dialogue::detail {

using Words = std::vector<std::string>;  // words, and the marks . , ? as separate elements

constexpr int kFrames = 2;  // wordings of each act

// The sentence of an act that expresses `facts`, in the grammar's fixed order of slots; several values of a
// slot are joined by "or". Facts with the value "?" appear only in kRequest.
Words realise(Act act, const std::vector<Fact>& facts, int frame);

std::string to_text(const Words& words);         // no space before a mark
Words to_words(std::string_view text);           // lower case; any other byte is a word of its own
bool can_be_asked(Slot slot);                    // has a question phrase ("which area")
const std::vector<Words>& rude_remarks();        // lower case, each with its full stop
const std::vector<std::string>& filler_words();  // lower case, in no sentence of the grammar
std::vector<Fact> facts_in(const Words& words);  // in order of appearance, with repetitions
bool has_fact(const std::vector<Fact>& facts, const Fact& fact);
std::vector<Fact> without_repetitions(const std::vector<Fact>& facts);

}  // namespace una::demo::dialogue::detail
