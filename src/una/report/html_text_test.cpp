#include "una/report/html_text.h"

#include <limits>

#include <gtest/gtest.h>

namespace una::report {
namespace {

TEST(HtmlText, EscapesEverythingThatCouldBeMarkup) {
  EXPECT_EQ(escaped("a<b>&\"c\"'d'"), "a&lt;b&gt;&amp;&quot;c&quot;&#39;d&#39;");
  EXPECT_EQ(escaped("plain \xC3\xA4"), "plain \xC3\xA4");
  EXPECT_EQ(escaped(std::string_view("a\0b", 3)),
            "a\xEF\xBF\xBD"
            "b");
}

TEST(HtmlText, ScriptJsonCannotEndItsElementAndStaysTheSameJson) {
  const Json json = {{"k</script>", "<!-- </script> & \xE2\x80\xA8 \xE2\x80\xA9 \xF0\x9F\x98\x80"}};
  const std::string text = script_json(json);
  for (const char c : text) {
    EXPECT_TRUE(static_cast<unsigned char>(c) < 128 && c != '<' && c != '>' && c != '&') << text;
  }
  EXPECT_NE(text.find("\\u2028"), std::string::npos);
  EXPECT_EQ(parse_json(text, "script"), json);
}

TEST(HtmlText, BytesThatAreNoUtf8AreReplacedAndDoNotThrow) {
  EXPECT_NO_THROW(script_json(Json("\xFF\xFE")));
  EXPECT_NO_THROW(display_text(Json{{"a", "\xFF"}}));
}

TEST(HtmlText, NumbersHaveFourDigits) {
  EXPECT_EQ(display_number(0.123456), "0.1235");
  EXPECT_EQ(display_number(1234567), "1,234,567");
  EXPECT_EQ(display_number(43210.7), "43,211");
  EXPECT_EQ(display_number(-3), "-3");
  EXPECT_EQ(display_number(std::numeric_limits<double>::quiet_NaN()), "not finite");
  EXPECT_EQ(display_text(Json({1, "a"})), "[1,\"a\"]");
  EXPECT_EQ(display_text(Json()), "");
}

}  // namespace
}  // namespace una::report
