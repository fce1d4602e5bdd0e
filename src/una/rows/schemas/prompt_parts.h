#pragma once

#include <string>
#include <vector>

#include "una/rows/schemas/schema.h"

// The parts of a prompt that have columns of their own, so that none is lost whatever the row's shape.
namespace una::rows {

// A pair without a prompt whose question has another name: {"input", "chosen", "rejected"}. That column becomes
// `prompt`, unless both answers begin with it already. Returns "input as prompt", or nothing.
std::vector<std::string> take_prompt_of_pair(Json& row);

// `system`, where the shape has not read it, becomes the system turn of the prompt; a string prompt becomes a chat.
// InputError where the prompt has another system turn.
void add_system(const RowView& row, ReadRow& out);

// InputError on a column that nothing has read and that looks like a part of the prompt (context, history, input, a list
// of turns, ...), unless the prompt has its text: without it the answer would be learnt as one to another question. So too
// on images, audio and video.
void check_prompt_parts(const RowView& row, const ReadRow& out);

}  // namespace una::rows
