#pragma once

#include <string>
#include <string_view>

#include "una_bridge.h"

// Calls of the Rust bridge's C functions. Only sources that link una_bridge include this.
namespace una::bridge {

inline una_str borrow(std::string_view text) { return {text.data(), text.size()}; }

// Copies the bridge's text and frees it.
std::string take(una_text text);

// Throws when a call of the bridge failed: InputError "what: sentence" for faults of the input, InternalError
// for the bridge's own. Frees `error`.
void check_status(una_status status, una_text error, const std::string& what);

}  // namespace una::bridge
