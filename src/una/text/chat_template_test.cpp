#include "una/text/chat_template.h"

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::text {
namespace {

TEST(ChatTemplate, RendersAConversation) {
  const ChatTemplate t(
      "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{{ eos_token }}\n{% endfor %}"
      "{% if add_generation_prompt %}<|assistant|>{% endif %}",
      R"({"eos_token": "</s>"})", "here");
  EXPECT_EQ(t.render({{"user", "hi", ""}}, {.add_generation_prompt = true}).text,
            "<|user|>hi</s>\n<|assistant|>");
}

}  // namespace
}  // namespace una::text
