#include "una/run/evaluation_samples.h"

#include <gtest/gtest.h>

#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una::run {
namespace {

// Two answers, of which the second has no score.
std::vector<rollout::Group> groups_of(const rollout::Prompt& prompt) {
  rollout::Answer good = rollout::make_answer(prompt, {5, 6, 7}, "yes", generate::Output::Finish::kEos);
  good.scored = true;
  good.reward = 0.5;
  const rollout::Answer bad = rollout::make_answer(prompt, {5}, "no", generate::Output::Finish::kLength);
  return {{.prompt = &prompt, .index = 4, .answers = {good, bad}}};
}

rollout::Prompt prompt_of(const std::string& text) {
  rollout::Prompt prompt;
  prompt.example.prompt.plain = text;
  prompt.ids = {1, 2};
  return prompt;
}

TEST(EvaluationSamples, EveryAnswerIsALine) {
  const std::string path = test_folder("evaluation_samples") + "/eval_samples.jsonl";
  const rollout::Prompt prompt = prompt_of("q");
  EvaluationSamples(path, -1).add(7, groups_of(prompt));
  EXPECT_EQ(
      read_file(path),
      "{\"step\":7,\"row\":4,\"prompt\":\"q\",\"answer\":\"yes\",\"score\":0.5,\"tokens\":3,\"finish\":\"eos\"}\n"
      "{\"step\":7,\"row\":4,\"prompt\":\"q\",\"answer\":\"no\",\"score\":null,\"tokens\":1,\"finish\":\"length\"}\n");
}

TEST(EvaluationSamples, AResumedRunKeepsTheStepsBeforeItsOwn) {
  const std::string path = test_folder("evaluation_samples_resumed") + "/eval_samples.jsonl";
  write_file(path,
             "{\"step\":0}\n{\"step\":10}\nno json\n{\"step\":\"10\"}\n{\"step\":20}\n{\"step\":5,\"an");
  EvaluationSamples(path, 10);
  EXPECT_EQ(read_file(path), "{\"step\":0}\n{\"step\":10}\n");
  EvaluationSamples(path, -1);
  EXPECT_EQ(read_file(path), "") << "a run from the start";
}

}  // namespace
}  // namespace una::run
