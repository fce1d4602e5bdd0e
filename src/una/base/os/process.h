#pragma once

#include <string>
#include <vector>

namespace una {

// How a child ended.
struct ChildResult {
  int exit_code = 0;  // 128 + signal when a signal ended it
  double seconds = 0;
};

// Called at the start of the program: in a child of run_self it ends the child when its parent ends, however
// that happens. Elsewhere it does nothing.
void follow_parent();

// Runs this very program again with other arguments and waits for it, so that its peak memory is its own.
// Standard streams are inherited; `environment` entries ("NAME=value") are added. InternalError when it
// cannot be started.
ChildResult run_self(const std::vector<std::string>& arguments, const std::vector<std::string>& environment);

}  // namespace una
