#include "una/rollout/background_scorer.h"

#include <atomic>
#include <future>

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::rollout {
namespace {

// Scores an answer by its length, after it was allowed to; remembers how many came with each call.
class SlowReward final : public reward::Reward {
 public:
  std::vector<reward::Verdict> score(const std::vector<reward::Question>& questions) override {
    calls.push_back(questions.size());
    started.set_value();
    if (gate.valid()) { gate.wait(); }
    started = {};
    check_input(!fails, "the judge is gone");
    std::vector<reward::Verdict> out;
    for (const reward::Question& question : questions) {
      const std::string& text = question.answer.plain;
      out.push_back(text.empty() ? reward::failed("nothing to read")
                                 : reward::scored(static_cast<double>(text.size())));
    }
    return out;
  }
  std::string description() const override { return "slow"; }
  bool waits() const override { return true; }

  std::vector<std::size_t> calls;
  std::promise<void> started;
  std::shared_future<void> gate;
  bool fails = false;
};

struct Bench {
  Bench() {
    const std::vector<std::vector<std::string>> texts = {{"a", "bb"}, {"ccc"}, {"", "dddd"}};
    for (std::size_t g = 0; g < texts.size(); ++g) {
      groups.push_back({.prompt = &prompt, .index = static_cast<std::int64_t>(10 + g)});
      for (const std::string& text : texts[g]) {
        groups.back().answers.emplace_back();
        groups.back().answers.back().text = text;
      }
    }
  }

  Prompt prompt;
  std::vector<Group> groups;
  SlowReward reward;
};

TEST(BackgroundScorer, GivesWhatScoringAtTheEndGives) {
  Bench bench;
  std::vector<Group> later = bench.groups;
  score(later, bench.reward);
  bench.reward.started = {};
  BackgroundScorer scorer(bench.reward);
  for (const std::size_t g : {2, 0, 1}) { scorer.add(bench.groups[g]); }
  scorer.finish(bench.groups);
  for (std::size_t g = 0; g < bench.groups.size(); ++g) {
    for (std::size_t i = 0; i < bench.groups[g].answers.size(); ++i) {
      EXPECT_EQ(bench.groups[g].answers[i].scored, later[g].answers[i].scored);
      EXPECT_EQ(bench.groups[g].answers[i].reward, later[g].answers[i].reward);
      EXPECT_EQ(bench.groups[g].answers[i].failure, later[g].answers[i].failure);
    }
  }
  EXPECT_EQ(bench.groups[1].answers[0].reward, 3);
  EXPECT_EQ(bench.groups[2].answers[0].failure, "nothing to read");
}

TEST(BackgroundScorer, BeginsBeforeTheLastGroupIsThereAndAsksForTheRestTogether) {
  Bench bench;
  std::promise<void> open;
  bench.reward.gate = open.get_future().share();
  std::future<void> begun = bench.reward.started.get_future();
  BackgroundScorer scorer(bench.reward);
  scorer.add(bench.groups[0]);
  begun.wait();  // would never return if scoring waited for finish()
  scorer.add(bench.groups[1]);
  scorer.add(bench.groups[2]);
  open.set_value();
  scorer.finish(bench.groups);
  EXPECT_EQ(bench.reward.calls, (std::vector<std::size_t>{2, 3}));
  EXPECT_EQ(bench.groups[2].answers[1].reward, 4);
}

TEST(BackgroundScorer, WhatTheRewardThrowsComesOutOfFinish) {
  Bench bench;
  bench.reward.fails = true;
  std::promise<void> open;
  bench.reward.gate = open.get_future().share();
  std::future<void> begun = bench.reward.started.get_future();
  BackgroundScorer scorer(bench.reward);
  scorer.add(bench.groups[0]);
  begun.wait();
  scorer.add(bench.groups[1]);
  open.set_value();
  EXPECT_THROW(scorer.finish(bench.groups), InputError);
  EXPECT_EQ(bench.reward.calls.size(), 1U);  // not asked a second time
}

TEST(BackgroundScorer, AScorerThatIsLeftEndsItsThread) {
  Bench bench;
  { const BackgroundScorer unused(bench.reward); }
  {
    BackgroundScorer left(bench.reward);
    left.add(bench.groups[0]);
  }
  EXPECT_EQ(bench.reward.calls.size(), 1U);
}

}  // namespace
}  // namespace una::rollout
