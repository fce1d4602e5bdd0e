#include "una/recipe/generate/generated_row.h"

#include <gtest/gtest.h>

namespace una::recipe {
namespace {

generate::Output output(generate::Output::Finish finish) {
  generate::Output out;
  out.id = 3;
  out.sample = 1;
  out.ids = {7, 8, 9};
  out.text = "fine";
  out.logps = {-1, -2, -0.5};
  out.processed_logps = {-1, -1, -1};
  out.finish = finish;
  return out;
}

TEST(GeneratedRow, AChatKeepsItsTurnsAndWhatTheRowHolds) {
  Example prompt;
  prompt.prompt.is_chat = true;
  prompt.prompt.messages = {{"system", "be brief", ""}, {"user", "and you?", R"({"name":"Ann"})"}};
  prompt.tools = R"([{"type":"function"}])";
  prompt.template_kwargs = R"({"thinking":false})";
  prompt.group_id = "g";
  prompt.source = "web";
  prompt.weight = 2;
  prompt.ground_truth = "42";
  prompt.responses.push_back({.text = {.is_chat = false, .plain = "an older answer", .messages = {}}});
  EXPECT_EQ(
      generated_row(output(generate::Output::Finish::kEos), prompt, true).dump(),
      R"({"prompt":[{"role":"system","content":"be brief"},{"role":"user","content":"and you?","name":"Ann"}],)"
      R"("completion":[{"role":"assistant","content":"fine"}],"weight":2,"group_id":"g","source":"web",)"
      R"("tools":[{"type":"function"}],"chat_template_kwargs":{"thinking":false},"ground_truth":"42",)"
      R"("sampled_from":"policy","row":3,"sample":1,"finish":"eos","tokens":3,"logp":-3.5,"processed_logp":-3.0})");
}

TEST(GeneratedRow, APlainPromptHasAPlainAnswer) {
  Example prompt;
  prompt.prompt.plain = "Once";
  EXPECT_EQ(generated_row(output(generate::Output::Finish::kLength), prompt, false).dump(),
            R"({"prompt":"Once","completion":"fine","row":3,"sample":1,"finish":"length","tokens":3,)"
            R"("logp":-3.5,"processed_logp":-3.0})");
}

TEST(GeneratedRow, OnlyDrawsFromTheOwnDistributionAreThePolicysSamples) {
  EXPECT_TRUE(is_plain({}));
  EXPECT_TRUE(is_plain({.max_new_tokens = 3, .seed = 5}));
  EXPECT_FALSE(is_plain({.temperature = 0.9}));
  EXPECT_FALSE(is_plain({.top_p = 0.9}));
  EXPECT_FALSE(is_plain({.top_k = 5}));
  EXPECT_FALSE(is_plain({.min_p = 0.1}));
  EXPECT_FALSE(is_plain({.repetition_penalty = 1.1}));
  EXPECT_FALSE(is_plain({.min_new_tokens = 2}));
}

}  // namespace
}  // namespace una::recipe
