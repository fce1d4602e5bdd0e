#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace una {

// How a child ended.
struct ChildEnd {
  int exit_code = 0;  // 128 + signal when a signal ended it
  int signal = 0;     // that signal, or 0
};

// Starts this very program with other arguments and does not wait for it. `environment` entries ("NAME=value") are
// added and win. The child is in a process group of its own, so that Ctrl-C at the terminal does not reach it: its
// parent hands signals on. It ends when its parent does (follow_parent). InternalError when it cannot be started.
pid_t start_self(const std::vector<std::string>& arguments, const std::vector<std::string>& environment);

// nullopt: it still runs. After a result it must not be called again.
std::optional<ChildEnd> poll_child(pid_t child);

}  // namespace una
