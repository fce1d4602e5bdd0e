#pragma once

#include "una/base/error.h"

namespace una {

// INT, TERM, HUP, USR1 and USR2 set a flag that long work polls at its own safe points. A further INT or TERM ends
// the process at once; HUP, USR1 and USR2 do not, since terminals and schedulers send them more than once. Under
// nohup HUP stays ignored. A reader that goes away (PIPE) ends nothing: writes to it fail.
void install_interrupt_handler();
bool interrupted();
int interrupt_signal();  // the first signal's number, 0 when none came; the exit code is 128 + it
void clear_interrupt();  // for tests

// True where that signal was Ctrl-C (INT), which is then forgotten: the next signal counts as the first. For conversations
// at a terminal, in which Ctrl-C ends the answer under way and not the program.
bool forget_ctrl_c();

// A wait that a signal ended. Training that can go on from where it is saves that first.
class Interrupted : public InputError {
 public:
  using InputError::InputError;
};

}  // namespace una
