#include "una/base/os/process.h"

#include <csignal>
#include <string>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/os/interrupt.h"
#include "una/base/os/interrupt_elsewhere.h"

namespace una {
namespace {

std::string sentence_of(int exit_code) {
  try {
    check_child({.exit_code = exit_code}, "round 2", "; try again");
    return "";
  } catch (const InputError& error) { return error.what(); }
}

TEST(Process, AChildThatWasKilledIsNotOneThatWasStopped) {
  EXPECT_NO_THROW(check_child({.exit_code = 0}, "round 2", ""));
  EXPECT_EQ(sentence_of(2), "round 2 ended with exit code 2 (see above); try again");
  EXPECT_EQ(sentence_of(128 + SIGKILL),
            "round 2 was killed by signal 9 (the system does this when memory runs out); try again");
  EXPECT_EQ(sentence_of(128 + SIGSEGV), "round 2 was killed by signal 11; try again");
}

TEST(Process, AChildOfAStoppedProcessIsStopped) {
  note_interrupt_elsewhere(SIGINT);
  EXPECT_THROW(check_child({.exit_code = 128 + SIGUSR1}, "round 2", "; try again"), Interrupted);
  EXPECT_EQ(sentence_of(128 + SIGUSR1), "stopped during round 2; try again");
  clear_interrupt();
}

}  // namespace
}  // namespace una
