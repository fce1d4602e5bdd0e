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
    if (gate.valid()) gate.wait();
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

class BackgroundScoring : public testing::Test {
 protected:
  BackgroundScoring() {
    const std::vector<std::vector<std::string>> texts = {{"a", "bb"}, {"ccc"}, {"", "dddd"}};
    for (std::size_t g = 0; g < texts.size(); ++g) {
      groups_.push_back({.prompt = &prompt_, .index = static_cast<std::int64_t>(10 + g)});
      for (const std::string& text : texts[g]) {
        groups_.back().answers.emplace_back();
        groups_.back().answers.back().text = text;
      }
    }
  }

  Prompt prompt_;
  std::vector<Group> groups_;
  SlowReward reward_;
};

TEST_F(BackgroundScoring, GivesWhatScoringAtTheEndGives) {
  std::vector<Group> later = groups_;
  score(later, reward_);
  reward_.started = {};
  BackgroundScorer scorer(reward_);
  for (const std::size_t g : {2, 0, 1}) scorer.add(groups_[g]);
  scorer.finish(groups_);
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    for (std::size_t i = 0; i < groups_[g].answers.size(); ++i) {
      EXPECT_EQ(groups_[g].answers[i].scored, later[g].answers[i].scored);
      EXPECT_EQ(groups_[g].answers[i].reward, later[g].answers[i].reward);
      EXPECT_EQ(groups_[g].answers[i].failure, later[g].answers[i].failure);
    }
  }
  EXPECT_EQ(groups_[1].answers[0].reward, 3);
  EXPECT_EQ(groups_[2].answers[0].failure, "nothing to read");
}

TEST_F(BackgroundScoring, BeginsBeforeTheLastGroupIsThereAndAsksForTheRestTogether) {
  std::promise<void> open;
  reward_.gate = open.get_future().share();
  std::future<void> begun = reward_.started.get_future();
  BackgroundScorer scorer(reward_);
  scorer.add(groups_[0]);
  begun.wait();  // would never return if scoring waited for finish()
  scorer.add(groups_[1]);
  scorer.add(groups_[2]);
  open.set_value();
  scorer.finish(groups_);
  EXPECT_EQ(reward_.calls, (std::vector<std::size_t>{2, 3}));
  EXPECT_EQ(groups_[2].answers[1].reward, 4);
}

TEST_F(BackgroundScoring, WhatTheRewardThrowsComesOutOfFinish) {
  reward_.fails = true;
  BackgroundScorer scorer(reward_);
  for (const Group& group : groups_) scorer.add(group);
  EXPECT_THROW(scorer.finish(groups_), InputError);
  EXPECT_EQ(reward_.calls.size(), 1U);  // nobody asks a second time
}

TEST_F(BackgroundScoring, AScorerThatIsLeftEndsItsThread) {
  {
    const BackgroundScorer unused(reward_);
  }
  {
    BackgroundScorer left(reward_);
    left.add(groups_[0]);
  }
  EXPECT_EQ(reward_.calls.size(), 1U);
}

}  // namespace
}  // namespace una::rollout
