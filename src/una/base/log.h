#pragma once

#include <string>

namespace una {

// Lines for people, on standard error. Warnings begin with "warning: ". Thread-safe. A progress bar that owns
// the terminal's last line registers itself so that lines go above it.
void log_info(const std::string& line);
void log_warning(const std::string& line);

enum class Verbosity { kQuiet, kNormal };
void set_verbosity(Verbosity level);  // kQuiet drops info lines, warnings stay
Verbosity verbosity();

// `redraw` is called after every line; `clear` before it. Pass nullptr to end. Used by report::ProgressBar
// only.
using LineHook = void (*)();
void set_line_hooks(LineHook clear, LineHook redraw);

}  // namespace una
