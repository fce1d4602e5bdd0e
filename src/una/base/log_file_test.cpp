#include "una/base/log_file.h"

#include <functional>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "una/base/files/files.h"
#include "una/base/log.h"
#include "una/base/testing.h"

namespace una {
namespace {

// In a child: the log of a process stays where it was sent.
int in_child(const std::function<void()>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    work();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}

TEST(LogFile, WhatWasHeldComesFirst) {
  const std::string path = test_folder("log_file") + "/rank_1.log";
  EXPECT_EQ(in_child([&] {
              hold_log();
              log_info("one");
              log_warning("two");
              write_log_to(path);
              log_info("three");
            }),
            0);
  EXPECT_EQ(read_file(path), "one\nwarning: two\nthree\n");
}

TEST(LogFile, AFileThatCannotBeWrittenIsAWarningOnly) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(in_child([] {
              hold_log();
              write_log_to("/none/rank_1.log");
              log_info("after");
            }),
            0);
  const std::string out = testing::internal::GetCapturedStderr();
  EXPECT_NE(out.find("warning: cannot write /none/rank_1.log"), std::string::npos) << out;
  EXPECT_NE(out.find("after\n"), std::string::npos) << out;
}

}  // namespace
}  // namespace una
