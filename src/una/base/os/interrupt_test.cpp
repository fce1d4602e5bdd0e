#include "una/base/os/interrupt.h"

#include <csignal>

#include <gtest/gtest.h>
#include <unistd.h>

#include "una/base/files/end_cleanup.h"
#include "una/base/files/files.h"
#include "una/base/os/interrupt_elsewhere.h"
#include "una/base/os/stop_point.h"
#include "una/base/testing.h"

namespace una {
namespace {

class Interrupt : public ::testing::Test {
 protected:
  void SetUp() override { install_interrupt_handler(); }
  void TearDown() override { clear_interrupt(); }
};

TEST_F(Interrupt, EverySignalThatEndsProgramsSetsTheFlag) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2}) {
    EXPECT_FALSE(interrupted());
    std::raise(number);
    EXPECT_EQ(interrupt_signal(), number);
    clear_interrupt();
  }
}

TEST_F(Interrupt, ASignalToAnotherRankIsNotThisProcesssFirst) {
  note_interrupt_elsewhere(SIGUSR1);
  EXPECT_EQ(interrupt_signal(), SIGUSR1);
  std::raise(SIGTERM);  // would end the process if it were the second one
  EXPECT_EQ(interrupt_signal(), SIGTERM);
}

TEST_F(Interrupt, AReaderThatGoesAwayEndsNothing) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::close(ends[0]);
  EXPECT_EQ(::write(ends[1], "x", 1), -1);
  ::close(ends[1]);
  EXPECT_FALSE(interrupted());
}

TEST_F(Interrupt, TheSecondIntOrTermEndsTheProcessAndARepeatedHupDoesNot) {
  std::raise(SIGHUP);
  std::raise(SIGHUP);
  std::raise(SIGUSR1);
  EXPECT_EQ(interrupt_signal(), SIGHUP);
  EXPECT_EXIT(std::raise(SIGTERM), ::testing::KilledBySignal(SIGTERM), "");
  EXPECT_EXIT(std::raise(SIGINT), ::testing::KilledBySignal(SIGINT), "");
  const std::string path = test_folder("interrupt") + "/temporary";
  const auto end_with_a_file = [&] {
    write_file(path, "x");
    const CleanedAtEnd cleaned(path, CleanedAtEnd::Kind::kFile);
    std::raise(SIGINT);
  };
  EXPECT_EXIT(end_with_a_file(), ::testing::KilledBySignal(SIGINT), "");
  EXPECT_FALSE(is_file(path));
}

TEST_F(Interrupt, AStopPointThrowsInItsScopeOnly) {
  std::raise(SIGINT);
  stop_point();
  {
    const StopScope scope;
    EXPECT_THROW(stop_point(), Interrupted);
  }
  stop_point();
}

TEST_F(Interrupt, CtrlCCanBeForgottenOtherSignalsCannot) {
  EXPECT_FALSE(forget_ctrl_c());
  std::raise(SIGINT);
  EXPECT_TRUE(forget_ctrl_c());
  EXPECT_FALSE(interrupted());
  std::raise(SIGTERM);
  EXPECT_FALSE(forget_ctrl_c());
  EXPECT_EQ(interrupt_signal(), SIGTERM);
}

}  // namespace
}  // namespace una
