#include "una/demo/task.h"

#include <map>
#include <set>

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::demo {
namespace {

double mean_gold(const Task& task, double quality) {
  const std::vector<std::string> prompts = task.make_prompts(600, 11, Split::kTrain);
  double sum = 0;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    Rng rng(3, stream_id("task_test"), i);
    sum += task.gold(prompts[i], task.make_answer(prompts[i], quality, rng));
  }
  return sum / static_cast<double>(prompts.size());
}

std::string refusal(const std::string& name) {
  try {
    find_task(name);
  } catch (const InputError& error) { return error.what(); }
  return "";
}

TEST(Task, EachIsFoundByItsNameAndDialogueIsTheFirst) {
  std::vector<std::string> names;
  for (const Task& task : tasks()) {
    names.push_back(task.name);
    EXPECT_EQ(&find_task(task.name), &task);
    EXPECT_FALSE(task.summary.empty());
  }
  EXPECT_EQ(names, (std::vector<std::string>{"dialogue", "arithmetic", "style"}));
  EXPECT_NE(refusal("stile").find("did you mean \"style\""), std::string::npos) << refusal("stile");
  EXPECT_NE(refusal("chess").find("dialogue, arithmetic, style"), std::string::npos) << refusal("chess");
}

TEST(Task, PromptsComeFromTheSeedAloneAndStayInTheirSplit) {
  for (const Task& task : tasks()) {
    std::map<std::string, Split> seen;
    for (const std::uint64_t seed : {1, 2}) {
      for (const Split split : {Split::kTrain, Split::kFeedback, Split::kHeldOut}) {
        const std::vector<std::string> all = task.make_prompts(1500, seed, split);
        EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), 1500U) << task.name;
        for (const std::string& prompt : all) {
          EXPECT_EQ(seen.emplace(prompt, split).first->second, split) << prompt;
        }
        const std::vector<std::string> first = task.make_prompts(20, seed, split);
        EXPECT_EQ(first, std::vector<std::string>(all.begin(), all.begin() + 20)) << task.name;
      }
    }
    EXPECT_NE(task.make_prompts(1, 1, Split::kTrain), task.make_prompts(1, 2, Split::kTrain)) << task.name;
    EXPECT_THROW(task.make_prompts(100001, 1, Split::kTrain), InputError);
    EXPECT_THROW(task.make_prompts(-1, 1, Split::kTrain), InputError);
  }
}

TEST(Task, PromptsAreEnoughForTheLargestStudy) {
  for (const Task& task : tasks()) {
    EXPECT_EQ(task.make_prompts(5000, 1, Split::kHeldOut).size(), 5000U) << task.name;
  }
}

TEST(Task, AnswersGetBetterWithQuality) {
  for (const Task& task : tasks()) {
    double before = -1;
    for (const double quality : {0.0, 0.3, 0.6, 1.0}) {
      const double now = mean_gold(task, quality);
      EXPECT_GT(now, before + 0.08) << task.name << " " << quality;
      before = now;
    }
    EXPECT_LE(before, 1) << task.name;
    EXPECT_LE(task.quality.lowest, task.quality.highest);
    EXPECT_GE(task.quality.lowest, 0);
    EXPECT_LE(task.quality.highest, 1);
  }
}

TEST(Task, AnswersComeFromTheGeneratorAloneAndDiffer) {
  for (const Task& task : tasks()) {
    const std::string prompt = task.make_prompts(1, 4, Split::kTrain)[0];
    std::set<std::string> different;
    for (std::uint64_t i = 0; i < 100; ++i) {
      Rng one(9, 1, i), two(9, 1, i);
      const std::string answer = task.make_answer(prompt, 0.3, one);
      EXPECT_EQ(answer, task.make_answer(prompt, 0.3, two)) << task.name;
      EXPECT_FALSE(answer.empty()) << task.name;
      different.insert(answer);
    }
    EXPECT_GT(different.size(), 20U) << task.name;
  }
}

TEST(Task, GoldIsFromZeroToOneForAnyBytes) {
  for (const Task& task : tasks()) {
    const std::string prompt = task.make_prompts(1, 4, Split::kTrain)[0];
    Rng rng(1, 1);
    for (int i = 0; i < 500; ++i) {
      std::string bytes(rng.below(80), ' ');
      for (char& c : bytes) { c = static_cast<char>(rng.below(256)); }
      const double value = task.gold(prompt, bytes);
      EXPECT_GE(value, 0);
      EXPECT_LE(value, 1);
      EXPECT_EQ(value, task.gold(prompt, bytes));
    }
    EXPECT_EQ(task.gold(prompt, ""), 0) << task.name;
    EXPECT_EQ(task.gold(prompt, " \n\t"), 0) << task.name;
  }
}

TEST(Task, APromptOfAnotherTaskIsABrokenPromise) {
  for (const Task& task : tasks()) {
    for (const Task& other : tasks()) {
      if (&task == &other) { continue; }
      const std::string prompt = other.make_prompts(1, 4, Split::kTrain)[0];
      Rng rng(1, 1);
      EXPECT_THROW(task.gold(prompt, "a"), InternalError) << task.name << " " << prompt;
      EXPECT_THROW(task.make_answer(prompt, 1, rng), InternalError) << task.name << " " << prompt;
    }
    Rng rng(1, 1);
    const std::string prompt = task.make_prompts(1, 4, Split::kTrain)[0];
    EXPECT_THROW(task.make_answer(prompt, 1.01, rng), InternalError) << task.name;
    EXPECT_THROW(task.make_answer(prompt, -0.01, rng), InternalError) << task.name;
  }
}

}  // namespace
}  // namespace una::demo
