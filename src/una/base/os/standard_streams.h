#pragma once

namespace una {

// At the start of the program: a standard stream that the caller closed becomes /dev/null, so that no file that is
// opened later gets its number and what is printed. Writes to a closed standard output still fail.
void open_standard_streams();

// At the end of a command: what was printed has reached standard output. InputError naming the reason (full disk).
// False: the reader went away before the end (`| head`), which is its right.
bool flush_standard_output();

}  // namespace una
