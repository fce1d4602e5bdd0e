#include "una/base/printable.h"

#include <gtest/gtest.h>

namespace una {
namespace {

TEST(Printable, ControlsAndWrongBytesBecomeVisible) {
  EXPECT_EQ(printable("a\n\tb\x1b]0;title\x07"), "a\n\tb\\x1b]0;title\\x07");
  EXPECT_EQ(printable("\x7f\r"), "\\x7f\\x0d");
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(printable("\xc2\x9bx \xc2\xa9"), "\\xc2\\x9bx \xc2\xa9") << "C1 goes, a letter stays";
  EXPECT_EQ(printable("caf\xe9 \xe4\xbd\xa0 \xff"), "caf\\xe9 \xe4\xbd\xa0 \\xff");
}

TEST(Printable, ALongTextLosesItsMiddle) {
  EXPECT_EQ(printable("0123456789", 4), "01 ... (6 bytes left out) ... 89");
  EXPECT_EQ(printable("0123", 4), "0123");
  EXPECT_LT(printable(std::string(1'000'000, 'x')).size(), 20'000U);
}

}  // namespace
}  // namespace una
