#include "una/text/python/strings.h"

#include <gtest/gtest.h>

namespace una::text::python {
namespace {

TEST(Strings, WhiteSpaceIsThatOfPython) {
  EXPECT_EQ(strip("\x1f\u00a0 a\u3000b \u2028\n"), "a\u3000b");
  EXPECT_EQ(strip("  \n"), "");
  EXPECT_EQ(strip_right(" a\t"), " a");
  EXPECT_TRUE(is_blank("\u2003\x0c"));
  EXPECT_FALSE(is_blank("\u200b"));
  EXPECT_EQ(split_words(" a\u00a0bé\n c"), (std::vector<std::string_view>{"a", "bé", "c"}));
  EXPECT_EQ(length("aé☃"), 3U);
}

TEST(Strings, LettersHaveACase) {
  EXPECT_TRUE(is_upper("A1!É"));
  EXPECT_FALSE(is_upper("1!"));
  EXPECT_TRUE(is_lower("straße"));
  EXPECT_FALSE(is_lower("aB"));
  EXPECT_EQ(lower("ÉA\u0130"), "éai\u0307");
}

TEST(Strings, TheLanguageOfAText) {
  EXPECT_EQ(language("This is a short text in English, nothing more."), "en");
  EXPECT_EQ(language("Dies ist ein kurzer Text in deutscher Sprache."), "de");
  EXPECT_EQ(language("123 456"), "");
}

}  // namespace
}  // namespace una::text::python
