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

TEST(Printable, MarksOfDirectionBecomeVisible) {
  EXPECT_EQ(printable("a\xe2\x80\xae"
                      "b\xe2\x81\xa9"),
            "a\\xe2\\x80\\xaeb\\xe2\\x81\\xa9");
  EXPECT_EQ(printable("\xe2\x80\xa8"), "\\xe2\\x80\\xa8") << "a line break of Unicode";
  EXPECT_EQ(printable("\xe2\x80\x93\xe2\x82\xac\xe2\x80"), "\xe2\x80\x93\xe2\x82\xac\\xe2\\x80")
      << "a dash and a sign";
}

TEST(Printable, ALongTextLosesItsMiddle) {
  EXPECT_EQ(printable("0123456789", 4), "01 ... (6 bytes left out) ... 89");
  EXPECT_EQ(printable("0123", 4), "0123");
  EXPECT_LT(printable(std::string(1'000'000, 'x')).size(), 3'000U);
  EXPECT_EQ(printable("a\n\nb\n"), "a\n\nb\n");
  EXPECT_EQ(printable("\nb"), "\nb");
  std::string many;
  for (int i = 0; i < 1000; ++i) { many += "another line of a list\n"; }
  EXPECT_LT(printable(many).size(), 17'000U);
  EXPECT_GT(printable(many).size(), 16'000U);
}

}  // namespace
}  // namespace una
