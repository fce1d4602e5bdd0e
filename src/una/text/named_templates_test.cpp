#include "una/text/named_templates.h"

#include <filesystem>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"
#include "una/text/chat_template.h"

namespace una::text {
namespace {

const char* kSpecial = R"({"bos_token": "<s>", "eos_token": "</s>"})";
const char* kTools =
    R"([{"type": "function", "function": {"name": "lamp", "parameters": {"room": {"type": "string"}}}}])";

using Messages = std::vector<Message>;

Messages turns(bool with_system) {
  Messages all;
  if (with_system) { all.push_back({"system", "Be brief.", ""}); }
  all.insert(all.end(), {{"user", " Grüezi ", ""}, {"assistant", "Hi.\n", ""}, {"user", "And you?", ""}});
  return all;
}

Messages tool_turns() {
  return {
      {"user", "Light on, please.", ""},
      {"assistant", "", R"({"tool_calls": [{"function": {"name": "lamp", "arguments": {"room": "hall"}}}]})"},
      {"tool", "on", ""},
      {"tool", "off", ""},
      {"assistant", "It is on.", ""}};
}

// "refused" where the template refuses the conversation.
std::string render(const std::string& source, const Messages& messages, const RenderOptions& options) {
  try {
    return ChatTemplate(source, kSpecial, "here").render(messages, options).text;
  } catch (const InputError&) { return "refused"; }
}

std::string render_named(const std::string& name, const Messages& messages) {
  return render(given_template(name), messages, {.add_generation_prompt = true});
}

TEST(NamedTemplates, AreWrittenAsTheFamiliesWriteThem) {
  EXPECT_EQ(render_named("chatml", turns(true)),
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n Grüezi <|im_end|>\n"
            "<|im_start|>assistant\nHi.\n<|im_end|>\n<|im_start|>user\nAnd you?<|im_end|>\n"
            "<|im_start|>assistant\n");
  EXPECT_EQ(render_named("llama3", {{"user", "Hi", ""}}),
            "<s><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n");
  EXPECT_EQ(
      render_named("gemma", turns(true)),
      "<s><start_of_turn>user\nBe brief.\n\nGrüezi<end_of_turn>\n<start_of_turn>model\nHi.<end_of_turn>\n"
      "<start_of_turn>user\nAnd you?<end_of_turn>\n<start_of_turn>model\n");
  EXPECT_EQ(render_named("gemma", {{"user", "a", ""}, {"user", "b", ""}}), "refused");
  EXPECT_EQ(render_named("qwen2.5", {{"user", "Hi", ""}}).substr(0, 40),
            "<|im_start|>system\nYou are Qwen, created");
}

TEST(NamedTemplates, GiveTheBytesOfThePublishedOnes) {
  const std::string shared = shared_data_folder();
  if (shared.empty()) { GTEST_SKIP() << "the published templates are not here"; }
  const std::vector<std::pair<const char*, const char*>> published = {
      {"qwen2.5", "qwen2_5"}, {"llama3", "llama3"}, {"gemma", "gemma"}, {"gemma", "gemma3"}};
  for (const auto& [name, file] : published) {
    const std::string theirs = read_file(shared + "/chat_templates/" + file + ".jinja");
    const bool has_system = std::string(file) != "gemma";  // the first Gemma refuses such turns
    for (const bool generate : {false, true}) {
      for (const bool system : {false, has_system}) {
        const RenderOptions options{.add_generation_prompt = generate};
        EXPECT_EQ(render(given_template(name), turns(system), options),
                  render(theirs, turns(system), options))
            << file;
      }
    }
  }
  const std::string qwen = read_file(shared + "/chat_templates/qwen2_5.jinja");
  const RenderOptions with_tools{.add_generation_prompt = true, .tools = kTools};
  for (const Messages& messages : {turns(true), tool_turns()}) {
    const std::string text = render(given_template("qwen2.5"), messages, with_tools);
    EXPECT_NE(text, "refused");
    EXPECT_EQ(text, render(qwen, messages, with_tools));
  }
}

TEST(NamedTemplates, AFileOfTheNameGoesFirst) {
  EXPECT_TRUE(is_named_template("llama3"));
  EXPECT_FALSE(is_named_template("llama3.jinja"));
  EXPECT_EQ(marks_of_template("chatml"), (std::vector<std::string>{"<|im_start|>", "<|im_end|>"}));
  const std::string folder = test_folder("named_templates");
  write_file(folder + "/chatml", "mine");
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder);
  const std::string source = given_template("chatml");
  std::filesystem::current_path(before);
  EXPECT_EQ(source, "mine");
  try {
    given_template("no-such.jinja");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_EQ(
        std::string(error.what()),
        "--chat_template_path: there is no file \"no-such.jinja\", and no template of that name; una knows "
        "chatml, gemma, llama3 and qwen2.5");
  }
}

}  // namespace
}  // namespace una::text
