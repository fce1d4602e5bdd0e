#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace una {

// The user can fix it: a wrong flag, file, field, row or token. The message says what, where and what to do.
// The program ends with exit code 2.
class InputError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// We must fix it: a broken promise between two rooms. Exit code 1.
class InternalError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

// InputError with the parts written one after the other, unless ok. Formats only on failure; the parts are still
// evaluated, so they must be cheap and must not depend on what the condition does (evaluation order).
template <class... Parts>
void check_input(bool ok, const Parts&... parts) {
  if (ok) [[likely]] { return; }
  std::ostringstream message;
  (message << ... << parts);
  throw InputError(message.str());
}

inline void check(bool ok, const char* message) {
  if (!ok) { throw InternalError(message); }
}

}  // namespace una
