#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace una {

// `text` in single quotes: one word with its meaning kept, for sh, bash, zsh and fish.
std::string shell_quoted(const std::string& text);

// How a user's shell command is run.
struct ShellOptions {
  std::string what;            // begins every sentence: "the reward command"
  double time_limit = 0;       // seconds; 0: none
  std::size_t most_lines = 0;  // of its standard output, and ...
  std::size_t most_bytes = 0;  // ... bytes; a command that writes more is ended
};

// What a command that ended by itself left behind.
struct ShellResult {
  int exit_code = 0;   // 128 + the signal's number where a signal ended it
  std::string output;  // its standard output, where that was asked for
};

// Runs `line` with /bin/sh in a process group of its own and waits for it. The wait looks at Ctrl-C ten times a
// second; a stop, the time limit and too much output end the whole group: SIGTERM first, SIGKILL a second later.
// The wait is over when the shell is: children that it left in the background keep running and are not waited
// for, even where they hold its output open. `input` is the standard input, a file that can be read again from
// its start. Interrupted when a stop ended the wait, InputError when a limit did or the command cannot be started.
ShellResult read_shell_command(const std::string& line, std::string_view input, const ShellOptions& options);

// The same without input; the command writes to our own standard output.
ShellResult run_shell_command(const std::string& line, const ShellOptions& options);

}  // namespace una
