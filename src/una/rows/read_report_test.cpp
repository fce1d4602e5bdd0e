#include "una/rows/read_report.h"

#include <gtest/gtest.h>

namespace una::rows {
namespace {

TEST(ReadReport, NamesOfTheFileCannotSteerATerminal) {
  ReadReport report;
  report.rows_read = 1;
  report.unread["\x1b]0;title\x07"] = 1;
  report.sources = {"a", "\x1b[2J"};
  const std::string text = report.text(0);
  EXPECT_NE(text.find("columns not read: \\x1b]0;title\\x07"), std::string::npos) << text;
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace una::rows
