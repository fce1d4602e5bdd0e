#include "una/run/sample_table.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "una/base/files/files.h"
#include "una/base/json.h"
#include "una/base/testing.h"

namespace una::run {
namespace {

online::Round round_of(const rollout::Prompt& prompt, std::size_t groups, std::int64_t number = 1) {
  online::Round round;
  round.number = number;
  for (std::size_t i = 0; i < groups; ++i) {
    rollout::Group group;
    group.prompt = &prompt;
    group.answers.resize(2);
    group.answers[0].text = "answer " + std::to_string(i);
    group.answers[0].scored = i == 0;
    group.answers[0].reward = 0.5;
    round.groups.push_back(std::move(group));
  }
  return round;
}

TEST(SampleTable, KeepsTheNewestAnswersAFewOfEachRound) {
  const std::string path = test_folder("sample_table") + "/samples.jsonl";
  rollout::Prompt prompt;
  prompt.example.prompt.plain = "q";
  SampleTable table(path);
  for (int i = 0; i < 60; ++i) { table.add(round_of(prompt, 9, i + 1)); }
  const std::string text = read_file(path);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 200);
  const Json first = Json::parse(text.substr(0, text.find('\n')));
  EXPECT_EQ(first.dump(), R"({"round":11,"prompt":"q","answer":"answer 0","reward":0.5})");
}

TEST(SampleTable, AResumedRunKeepsTheRoundsBeforeItsFirst) {
  const std::string path = test_folder("sample_table") + "/resumed.jsonl";
  rollout::Prompt prompt;
  SampleTable first(path), resumed(path);
  for (int i = 0; i < 5; ++i) { first.add(round_of(prompt, 1, i + 1)); }
  resumed.add(round_of(prompt, 1, 4));  // from a checkpoint after round 3
  const std::string text = read_file(path);
  std::string rounds;
  for (const char* number : {"1", "2", "3", "4", "5"}) {
    if (text.find(std::string("\"round\":") + number) != std::string::npos) { rounds += number; }
  }
  EXPECT_EQ(rounds, "1234");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 4);
}

TEST(SampleTable, AnAnswerWithoutAScoreHasNull) {
  const std::string path = test_folder("sample_table") + "/null.jsonl";
  rollout::Prompt prompt;
  SampleTable table(path);
  table.add(round_of(prompt, 2));
  EXPECT_NE(read_file(path).find("\"answer 1\",\"reward\":null"), std::string::npos);
}

}  // namespace
}  // namespace una::run
