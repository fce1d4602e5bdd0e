#include "una/core/text_json.h"

#include <gtest/gtest.h>

namespace una {
namespace {

TEST(TextJson, APlainTextIsAString) {
  EXPECT_EQ(text_json({.is_chat = false, .plain = "hi", .messages = {}}), Json("hi"));
}

TEST(TextJson, ATurnKeepsAllThatItHolds) {
  Text text{.is_chat = true, .plain = "", .messages = {{"user", "hi", ""}}};
  text.messages.push_back({"assistant", "", R"({"tool_calls": [{"id": "1"}], "name": "bot"})"});
  EXPECT_EQ(text_json(text).dump(),
            R"([{"role":"user","content":"hi"},)"
            R"({"role":"assistant","content":"","tool_calls":[{"id":"1"}],"name":"bot"}])");
}

}  // namespace
}  // namespace una
