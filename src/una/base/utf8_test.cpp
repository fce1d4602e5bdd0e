#include "una/base/utf8.h"

#include <string_view>

#include <gtest/gtest.h>

namespace una {
namespace {

constexpr std::size_t kFine = std::string_view::npos;

TEST(Utf8, TextOfAllLengthsPasses) {
  using namespace std::literals;
  EXPECT_EQ(find_invalid_utf8(""), kFine);
  EXPECT_EQ(find_invalid_utf8("plain\n\t\x7F\0"sv), kFine);
  EXPECT_EQ(find_invalid_utf8("Größe ☃ 日本語 \xF0\x9F\x98\x80"), kFine);
  EXPECT_EQ(
      find_invalid_utf8(
          "\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"),
      kFine);
}

TEST(Utf8, TheFirstWrongByteIsNamed) {
  EXPECT_EQ(find_invalid_utf8("caf\xE9"), 3U);  // Latin-1
  EXPECT_EQ(find_invalid_utf8("caf\xE9 au lait"), 3U);
  EXPECT_EQ(find_invalid_utf8("ab\x80"), 2U);        // a continuation alone
  EXPECT_EQ(find_invalid_utf8("\xC3\xB6\xC3"), 2U);  // cut off
  EXPECT_EQ(find_invalid_utf8("\xC1\xBF"), 0U);      // overlong
  EXPECT_EQ(find_invalid_utf8("\xE0\x9F\xBF"), 0U);
  EXPECT_EQ(find_invalid_utf8("\xF0\x8F\xBF\xBF"), 0U);
  EXPECT_EQ(find_invalid_utf8("\xED\xA0\x80"), 0U);      // a surrogate
  EXPECT_EQ(find_invalid_utf8("\xF4\x90\x80\x80"), 0U);  // beyond Unicode
  EXPECT_EQ(find_invalid_utf8("\xF5\x80\x80\x80"), 0U);
  EXPECT_EQ(find_invalid_utf8("\xFF\xFE{"), 0U);  // UTF-16
}

}  // namespace
}  // namespace una
