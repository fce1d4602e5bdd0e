#pragma once

#include <exception>
#include <stdexcept>
#include <string>

namespace una {

// The program ends although nothing is wrong with its input: what it needed from outside was lost (another rank of the
// run). Starting it again from the checkpoint helps.
class Retryable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Exit codes, in addition to 0 (done) and 128 + signal (stopped by a signal).
inline constexpr int kExitFault = 1;      // our fault
inline constexpr int kExitInput = 2;      // the user can fix it
inline constexpr int kExitTryAgain = 75;  // sysexits.h's EX_TEMPFAIL: start again from the checkpoint

// How the program ends after an exception that nothing caught: its exit code, and the sentence for people.
struct Ending {
  int exit_code = kExitFault;
  std::string sentence;
};
Ending ending_of(const std::exception_ptr& error);

}  // namespace una
