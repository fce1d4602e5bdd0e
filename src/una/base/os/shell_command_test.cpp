#include "una/base/os/shell_command.h"

#include <csignal>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/os/interrupt.h"

namespace una {
namespace {

const ShellOptions kPlain{.what = "the test's command"};

template <class Run>
std::string sentence(const Run& run) {
  try {
    run();
  } catch (const InputError& error) { return error.what(); }
  return "nothing was thrown";
}

// True while the process whose number `path` holds runs; one that ended without being waited for has no arguments.
bool is_running(const std::string& path) {
  const std::string arguments = cat("/proc/", trim(read_file(path)), "/cmdline");
  return is_file(arguments) && !read_file(arguments).empty();
}

TEST(ShellCommand, GetsItsInputAndGivesItsOutput) {
  const ShellResult result = read_shell_command("wc -l; head -1 /dev/stdin", "a\nb\n", kPlain);
  EXPECT_EQ(result.output, "2\na\n");  // the input can be read again
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(read_shell_command("cat", std::string(1 << 20, 'x'), kPlain).output.size(), 1U << 20);
}

TEST(ShellCommand, TellsHowTheCommandEnded) {
  EXPECT_EQ(read_shell_command("exit 3", "", kPlain).exit_code, 3);
  EXPECT_EQ(read_shell_command("kill -9 $$", "", kPlain).exit_code, 137);
  EXPECT_EQ(run_shell_command("exit 4", kPlain).exit_code, 4);
}

TEST(ShellCommand, AStopEndsTheWholeGroup) {
  for (const bool reads : {true, false}) {
    const double begin = monotonic_seconds();
    clear_interrupt();
    install_interrupt_handler();
    std::thread stop([] {
      ::usleep(300000);
      ::kill(::getpid(), SIGTERM);
    });
    const std::string path = testing::TempDir() + "una-shell-command-child";
    const std::string line = cat("sleep 41 & echo $! > '", path, "'; sleep 41; true");
    EXPECT_THROW(reads ? read_shell_command(line, "", kPlain) : run_shell_command(line, kPlain), Interrupted);
    stop.join();
    clear_interrupt();
    EXPECT_LT(monotonic_seconds() - begin, 10);
    for (int i = 0; i < 500 && is_running(path); ++i) {
      ::usleep(10000);
    }  // it has its signal, but not yet its end
    EXPECT_FALSE(is_running(path));
  }
}

TEST(ShellCommand, ATimeLimitEndsACommandThatIgnoresSigterm) {
  ShellOptions options = kPlain;
  options.time_limit = 0.3;
  const std::string words =
      sentence([&] { read_shell_command("trap '' TERM; while :; do sleep 0.1; done", "", options); });
  EXPECT_EQ(
      words,
      "the test's command did not end within 0.3 s and was ended: trap '' TERM; while :; do sleep 0.1; done");
}

TEST(ShellCommand, OutputWithoutEndIsCut) {
  ShellOptions options = kPlain;
  options.most_lines = 10;
  EXPECT_EQ(sentence([&] { read_shell_command("yes 1", "", options); }),
            "the test's command wrote more than 10 lines and was ended");
  options = kPlain;
  options.most_bytes = 1 << 20;
  EXPECT_EQ(sentence([&] { read_shell_command("yes 1 | tr -d '\\n'", "", options); }),
            "the test's command wrote more than 1.0 MB and was ended");
}

TEST(ShellCommand, AChildInTheBackgroundIsNotWaitedFor) {
  const double begin = monotonic_seconds();
  EXPECT_EQ(read_shell_command("sleep 20 2>/dev/null & echo 1", "", kPlain).output, "1\n");
  EXPECT_LT(monotonic_seconds() - begin, 10);
}

}  // namespace
}  // namespace una
