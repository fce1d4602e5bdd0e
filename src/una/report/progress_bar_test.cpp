#include "una/report/progress_bar.h"

#include <chrono>
#include <cstdio>
#include <thread>

#include <fcntl.h>
#include <pty.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/log.h"

namespace una::report {
namespace {

// Standard error becomes a real terminal of the given width while this lives.
class FakeTerminal {
 public:
  explicit FakeTerminal(unsigned short columns) : saved_(::dup(STDERR_FILENO)) {
    winsize size{.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    check(::openpty(&master_, &slave_, nullptr, nullptr, &size) == 0, "no terminal to be had");
    ::dup2(slave_, STDERR_FILENO);
    ::fcntl(master_, F_SETFL, O_NONBLOCK);
  }
  ~FakeTerminal() {
    ::dup2(saved_, STDERR_FILENO);
    for (const int file : {saved_, master_, slave_}) { ::close(file); }
  }
  FakeTerminal(const FakeTerminal&) = delete;
  FakeTerminal& operator=(const FakeTerminal&) = delete;
  std::string written() const {
    std::string text;
    char buffer[4096];
    for (ssize_t n = 0; (n = ::read(master_, buffer, sizeof buffer)) > 0;) {
      text.append(buffer, static_cast<std::size_t>(n));
    }
    return text;
  }

 private:
  int saved_, master_ = -1, slave_ = -1;
};

int count(const std::string& text, const std::string& part) {
  int found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) { ++found; }
  return found;
}

TEST(ProgressBar, RedrawsOneLineAtMostTenTimesASecond) {
  const FakeTerminal terminal(90);
  {
    ProgressBar bar("training", 1000);
    for (int i = 0; i < 1000; ++i) { bar.advance(1, "loss 0.42"); }
    bar.finish();
  }
  const std::string text = terminal.written();
  EXPECT_LE(count(text, "training"), 12) << text;
  EXPECT_NE(text.find("100 %  1000/1000"), std::string::npos) << text;
  EXPECT_NE(text.find("loss 0.42"), std::string::npos);
  EXPECT_EQ(count(text, "\n"), 1);
}

TEST(ProgressBar, LogLinesGoAboveTheBar) {
  const FakeTerminal terminal(90);
  {
    ProgressBar bar("training", 10);
    terminal.written();
    log_info("a line");
    const std::string text = terminal.written();
    EXPECT_EQ(text.find("\r\x1b[Ka line\r\n\rtraining"), 0U) << text;
    bar.finish();
  }
  log_info("after");
  EXPECT_EQ(count(terminal.written(), "training"), 1);  // the last picture, none after it
}

TEST(ProgressBar, IsQuietButForItsEndsWhereNoTerminalIs) {
  testing::internal::CaptureStderr();
  {
    ProgressBar bar("packing", 4);
    for (int i = 0; i < 4; ++i) { bar.advance(1, "file a.jsonl"); }
    bar.finish();
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "packing: started\npacking: done after 0:00, file a.jsonl\n");
}

TEST(ProgressBar, SaysWhereAnInterruptedWorkStopped) {
  testing::internal::CaptureStderr();
  {
    ProgressBar bar("packing", 4);
    bar.advance(1);
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "packing: started\npacking: stopped at 25.0 % after 0:00\n");
}

TEST(ProgressBar, TimeLeftIsWeightedByTheWork) {
  ProgressBar bar("training", 100);
  EXPECT_EQ(bar.remaining(), 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  bar.advance(20);
  const double before = bar.elapsed(), left = bar.remaining(), after = bar.elapsed();
  EXPECT_GE(left, before * 4 * 0.999);
  EXPECT_LE(left, after * 4 * 1.001);
  bar.set_total(20);
  EXPECT_EQ(bar.remaining(), 0);
}

TEST(ProgressBar, WhatAnEarlierProcessDidCountsInTheShareOnly) {
  testing::internal::CaptureStderr();
  {
    ProgressBar bar("training", 100, "", 30);
    EXPECT_EQ(bar.remaining(), 0);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    bar.advance(10);
    const double before = bar.elapsed(), left = bar.remaining(), after = bar.elapsed();
    EXPECT_GE(left, before * 6 * 0.999);
    EXPECT_LE(left, after * 6 * 1.001);
  }
  EXPECT_NE(testing::internal::GetCapturedStderr().find("stopped at 40.0 %"), std::string::npos);
}

TEST(ProgressBar, OtherWorkCountsInTheTimeLeftAndNotInTheSpeed) {
  ProgressBar bar("training", 100);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  bar.advance(50);
  bar.set_aside(1000, 0);  // more than there was: the work took no time
  EXPECT_EQ(bar.remaining(), 0);
  bar.set_aside(0, 30);
  EXPECT_GE(bar.remaining(), 30 + 0.02 * 0.999);
  EXPECT_LE(bar.remaining(), 30 + bar.elapsed() * 1.001);
}

TEST(ProgressBar, ABarInsideAnotherStaysSilent) {
  testing::internal::CaptureStderr();
  {
    ProgressBar outer("outer", 1);
    ProgressBar inner("inner", 1);
    inner.finish();
    outer.advance(1);
    outer.finish();
  }
  EXPECT_EQ(count(testing::internal::GetCapturedStderr(), "inner"), 0);
}

}  // namespace
}  // namespace una::report
