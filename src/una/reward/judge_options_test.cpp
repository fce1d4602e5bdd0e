#include "una/reward/judge_options.h"

#include <cstdlib>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una::reward {
namespace {

JudgeSettings read(const std::string& yaml) {
  const std::string folder = test_folder("judge_options");
  write_file(folder + "/judge.yaml", yaml);
  write_file(folder + "/pair.txt", "A: {answer_a} B: {answer_b} ({prompt})");
  return read_judge_file(folder + "/judge.yaml");
}

template <class Act>
std::string refusal(const Act& act) {
  try {
    act();
  } catch (const InputError& error) { return error.what(); }
  return "";
}

std::string refused(const std::string& yaml) {
  return refusal([&] { read("base_url: http://127.0.0.1:1/v1\n" + yaml); });
}

TEST(JudgeOptions, AFileIsReadWithItsTemplateBesideIt) {
  const JudgeSettings settings = read(
      "base_url: http://127.0.0.1:1/v1\nmodel: m\nmode: pairs\nprompt_template_file: pair.txt\n"
      "price_per_million_tokens: [0.5, 2]\ntemperature: null\nrequests_per_minute: 30\n");
  EXPECT_EQ(settings.mode, JudgeMode::kPairs);
  EXPECT_EQ(settings.prompt_template.rfind("A: {answer_a} B: {answer_b} ({prompt})\n\n", 0), 0U);
  EXPECT_NE(settings.prompt_template.find("Verdict: V"), std::string::npos) << "the final format is stated";
  EXPECT_EQ(settings.price_out, 2);
  EXPECT_FALSE(settings.options.temperature.has_value());
  EXPECT_EQ(settings.options.requests_per_minute, 30);
  EXPECT_EQ(read("base_url: http://127.0.0.1:1/v1\nmodel: m\nscale: [0, 100]\n").scale.hi, 100);
}

TEST(JudgeOptions, BadValuesAreNamed) {
  EXPECT_NE(refused("").find("judge.yaml: model is missing"), std::string::npos) << refused("");
  EXPECT_NE(refused("model: m\nmode: star\n").find("none of score, thumbs, pairs"), std::string::npos);
  EXPECT_NE(refused("model: m\nscale: [5, 1]\n").find("lo below hi"), std::string::npos);
  EXPECT_NE(refused("model: m\nscale: [a, 1]\n").find("two numbers"), std::string::npos);
  EXPECT_NE(refused("model: m\nconcurency: 3\n").find("concurrency"), std::string::npos);
  EXPECT_NE(refused("model: m\nprompt_template: 'good?'\n").find("no {answer}"), std::string::npos);
  EXPECT_NE(refused("model: m\nmode: pairs\nprompt_template: '{answer_a}'\n").find("no {answer_b}"),
            std::string::npos);
  EXPECT_NE(refused("model: m\nprompt_template_file: none.txt\n").find("none.txt"), std::string::npos);
  EXPECT_NE(refusal([] { read("base_url: host\nmodel: m\n"); }).find("base_url"), std::string::npos);
}

TEST(JudgeOptions, TheKeyComesFromTheEnvironmentOnly) {
  const std::string in_file = refused("model: m\napi_key: sk-secret\n");
  EXPECT_NE(in_file.find("environment variable"), std::string::npos) << in_file;
  EXPECT_EQ(in_file.find("sk-secret"), std::string::npos);
  JudgeOptions options;
  options.base_url = "http://127.0.0.1:1/v1";
  options.api_key_env = "sk-secret-pasted";
  const std::string pasted = refusal([&] { judge_key(options, "judge.yaml"); });
  EXPECT_NE(pasted.find("must be the name"), std::string::npos);
  EXPECT_EQ(pasted.find("sk-secret"), std::string::npos);
  options.api_key_env = "0123abcdef0123abcdef";
  EXPECT_EQ(refusal([&] { judge_key(options, "j"); }),
            "j: the environment variable named by api_key_env is not set");
  options.api_key_env = "UNA_TEST_JUDGE_KEY";
  ::unsetenv("UNA_TEST_JUDGE_KEY");
  EXPECT_NE(refusal([&] { judge_key(options, "j"); }).find("UNA_TEST_JUDGE_KEY (api_key_env) is not set"),
            std::string::npos);
  ::setenv("UNA_TEST_JUDGE_KEY", " sk-1 \n", 1);
  EXPECT_EQ(judge_key(options, "j"), "sk-1");
  ::setenv("UNA_TEST_JUDGE_KEY", "sk-1\r\nX: y", 1);
  const std::string broken = refusal([&] { judge_key(options, "j"); });
  EXPECT_NE(broken.find("control characters"), std::string::npos);
  EXPECT_EQ(broken.find("sk-1"), std::string::npos);
  options.api_key_env = "";
  EXPECT_EQ(judge_key(options, "j"), "");
  ::unsetenv("OPENAI_API_KEY");
  options.api_key_env = "OPENAI_API_KEY";
  EXPECT_EQ(judge_key(options, "j"), "") << "a server at home needs none";
  options.base_url = "https://api.example.org/v1";
  EXPECT_NE(refusal([&] { judge_key(options, "j"); }), "");
}

}  // namespace
}  // namespace una::reward
