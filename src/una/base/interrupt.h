#pragma once

#include "una/base/error.h"

namespace una {

// SIGINT and SIGTERM set a flag that long work polls at its own safe points; a second signal ends the process
// at once.
void install_interrupt_handler();
bool interrupted();
int interrupt_signal();  // the signal's number, 0 when none came; the exit code is 128 + it
void clear_interrupt();  // for tests

// A wait that a signal ended. Training that can go on from where it stands saves that first.
class Interrupted : public InputError {
 public:
  using InputError::InputError;
};

}  // namespace una
