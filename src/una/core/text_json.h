#pragma once

#include "una/base/json.h"
#include "una/core/example.h"

namespace una {

// A text as rows and requests write it: a string, or the list of turns with all that a turn holds (role, content,
// tool_calls, name, ...).
Json text_json(const Text& text);

// One turn. InputError where `extra` is not the text of a JSON object.
Json message_json(const Message& message);

}  // namespace una
