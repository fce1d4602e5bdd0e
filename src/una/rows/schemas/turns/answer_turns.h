#pragma once

#include "una/rows/schemas/schema.h"

// Turns in an answer that are not the model's own.
namespace una::rows {

// Turns of others at the end of an answer (counted in turns_behind) are taken off; those at its beginning, the same in all
// answers, move to the prompt. A single answer begins behind its last turn of the user, as in `messages`; the answers
// of a pair may be whole dialogues. A row whose answers begin with different turns of others is left out.
void settle_answer_turns(ReadRow& out);

// A single answer with turns behind it goes back: the row is a prompt, the whole conversation. For those who want prompts.
void take_answer_back(ReadRow& out);

}  // namespace una::rows
