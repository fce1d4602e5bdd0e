#include "una/base/json_line.h"

#include <gtest/gtest.h>

namespace una {
namespace {

TEST(JsonLine, IsOneLineWithABreakBehindIt) {
  EXPECT_EQ(json_line(Json{{"a", "x\ny"}, {"b", 1}}), "{\"a\":\"x\\ny\",\"b\":1}\n");
}

TEST(JsonLine, ReplacesBytesThatAreNotUtf8) {
  EXPECT_EQ(dump_json(Json("a\xC3")), "\"a\xEF\xBF\xBD\"");
  EXPECT_EQ(print_json(Json{{"a", "\xE9"}}), "{\n  \"a\": \"\xEF\xBF\xBD\"\n}\n");
}

}  // namespace
}  // namespace una
