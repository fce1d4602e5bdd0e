#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace una {

// How a child of run_self ended.
struct ChildResult {
  int exit_code = 0;  // 128 + signal when a signal ended it
  double seconds = 0;
};

// How a child of start_self ended.
struct ChildEnd {
  int exit_code = 0;  // 128 + signal when a signal ended it
  int signal = 0;     // that signal, or 0
};

// Called at the start of the program: in a child of run_self or start_self it ends the child when its parent ends,
// however that happens. Elsewhere it does nothing.
void follow_parent();

// Runs this very program again with other arguments and waits for it, so that its peak memory is its own.
// Standard streams are inherited; `environment` entries ("NAME=value") are added. A signal to this process is handed on as
// USR1, which the child takes for its first or, where Ctrl-C at the terminal reached both, not at all (interrupt.h). A
// signal that stopped the child alone counts as one to this process: interrupted() is true from then on.
// std::system_error when it cannot be started. Any thread may call it.
ChildResult run_self(const std::vector<std::string>& arguments, const std::vector<std::string>& environment);

// Unless it ended with 0: Interrupted "stopped during WHAT ADVICE" after a signal that asks for the end, InputError "WHAT
// ended with exit code 2 (see above) ADVICE" or "WHAT was killed by signal 9 ..." otherwise. `advice` begins with ", " or "; ".
void check_child(const ChildResult& result, const std::string& what, const std::string& advice);

// run_self without waiting for it. The child is in a process group of its own, so that Ctrl-C at the terminal does not
// reach it: its parent hands signals on.
pid_t start_self(const std::vector<std::string>& arguments, const std::vector<std::string>& environment);

// nullopt: it still runs. After a result it must not be called again.
std::optional<ChildEnd> poll_child(pid_t child);

}  // namespace una
