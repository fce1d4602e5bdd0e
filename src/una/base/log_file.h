#pragma once

#include <string>

namespace una {

// For a process whose lines do not belong on the terminal (a rank that does not lead): info lines and warnings are
// kept, and written to a file as soon as one is named, whatever the verbosity. Errors still go to standard error.
void hold_log();
void write_log_to(
    const std::string& path);  // appends what was held; a file that cannot be written is a warning

}  // namespace una
