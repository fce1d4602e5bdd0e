#include "una/online/dealt.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "una/base/format.h"
#include "una/base/os/interrupt.h"
#include "una/dist/thread_gang_testing.h"

namespace una::online {
namespace {

using dist::testing::ThreadGang;

// Answers that name their prompt; notes which prompts it was asked for.
class CountingSource final : public rollout::AnswerSource {
 public:
  explicit CountingSource(std::vector<std::int64_t>& asked) : asked_(asked) {}
  std::vector<rollout::Group> sample(const std::vector<rollout::Prompt>& prompts,
                                     const std::vector<std::int64_t>& indices,
                                     const rollout::SampleOptions& options, std::uint64_t /*key*/) override {
    std::vector<rollout::Group> groups;
    for (const std::int64_t index : indices) {
      asked_.push_back(index);
      const rollout::Prompt& prompt = prompts[static_cast<std::size_t>(index)];
      rollout::Group group{.prompt = &prompt, .index = index};
      for (std::int64_t i = 0; i < options.num_generations; ++i) {
        group.answers.push_back(rollout::make_answer(prompt, {static_cast<std::int32_t>(10 * index + i), 2},
                                                     cat("\xff answer ", index),
                                                     generate::Output::Finish::kStop));
        group.answers.back().sampled_logps = {-0.1f * static_cast<float>(index), -1e-30f};
        group.answers.back().mismatched = i == 1;
      }
      if (index == 3) { group.failures = {"no reply"}; }
      groups.push_back(std::move(group));
    }
    return groups;
  }

 private:
  std::vector<std::int64_t>& asked_;
};

// The length of the answer; prompt "bad" fails, prompt "stop" stops.
class LengthReward final : public reward::Reward {
 public:
  explicit LengthReward(std::size_t& asked, bool waits = false) : asked_(asked), waits_(waits) {}
  std::vector<reward::Verdict> score(const std::vector<reward::Question>& questions) override {
    std::vector<reward::Verdict> verdicts;
    for (const reward::Question& question : questions) {
      ++asked_;
      if (question.prompt.plain == "stop") { throw Interrupted("stopped"); }
      const bool bad = question.prompt.plain == "bad";
      verdicts.push_back(bad ? reward::failed("\xff no")
                             : reward::scored(double(question.answer.plain.size())));
    }
    return verdicts;
  }
  std::string description() const override { return "length"; }
  bool waits() const override { return waits_; }

 private:
  std::size_t& asked_;
  bool waits_;
};

std::vector<rollout::Prompt> prompts(int count) {
  std::vector<rollout::Prompt> out(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < out.size(); ++i) { out[i].ids = {1, static_cast<std::int32_t>(i)}; }
  return out;
}

TEST(Dealt, EveryRankGetsAllAnswersAndSamplesItsShare) {
  const std::vector<rollout::Prompt> all = prompts(8);
  const std::vector<std::int64_t> chosen = {7, 3, 0, 5};
  std::vector<std::int64_t> alone_asked;
  CountingSource alone(alone_asked);
  const rollout::SampleOptions options{.num_generations = 2};
  const std::vector<rollout::Group> expected = alone.sample(all, chosen, options, 1);
  std::vector<std::vector<std::int64_t>> asked(3);
  ThreadGang threads(3);
  threads.run([&](dist::Gang& gang) {
    const auto source =
        deal_source(std::make_unique<CountingSource>(asked[static_cast<std::size_t>(gang.rank())]), gang);
    const std::vector<rollout::Group> groups = source->sample(all, chosen, options, 1);
    ASSERT_EQ(groups.size(), expected.size());
    for (std::size_t g = 0; g < groups.size(); ++g) {
      EXPECT_EQ(groups[g].index, chosen[g]);
      EXPECT_EQ(groups[g].prompt, expected[g].prompt);
      EXPECT_EQ(groups[g].failures, expected[g].failures);
      ASSERT_EQ(groups[g].answers.size(), 2U);
      for (std::size_t i = 0; i < 2; ++i) {
        const rollout::Answer &one = groups[g].answers[i], &other = expected[g].answers[i];
        EXPECT_EQ(one.sequence.ids, other.sequence.ids);
        EXPECT_EQ(one.sequence.loss_mask, other.sequence.loss_mask);
        EXPECT_EQ(one.text, other.text);
        EXPECT_EQ(one.sampled_logps, other.sampled_logps);
        EXPECT_EQ(one.finish, other.finish);
        EXPECT_EQ(one.mismatched, other.mismatched);
      }
    }
  });
  EXPECT_EQ(asked[0], (std::vector<std::int64_t>{7, 5}));
  EXPECT_EQ(asked[1], (std::vector<std::int64_t>{3}));
  EXPECT_EQ(asked[2], (std::vector<std::int64_t>{0}));
}

std::vector<reward::Question> questions(const std::vector<std::string>& texts) {
  std::vector<reward::Question> out;
  for (const std::string& text : texts) {
    for (const char* answer : {"a", "bbb"}) {
      out.push_back({.prompt = {.plain = text}, .answer = {.plain = answer}});
    }
  }
  return out;
}

TEST(Dealt, RewardsAreAskedOnceWithWholePrompts) {
  const std::vector<reward::Question> all = questions({"x", "bad", "y", "z"});
  std::vector<std::size_t> asked(3, 0);
  ThreadGang threads(3);
  threads.run([&](dist::Gang& gang) {
    const auto reward =
        deal_reward(std::make_unique<LengthReward>(asked[static_cast<std::size_t>(gang.rank())]), gang);
    const std::vector<reward::Verdict> verdicts = reward->score(all);
    ASSERT_EQ(verdicts.size(), 8U);
    EXPECT_EQ(verdicts[0].score, 1.0);
    EXPECT_EQ(verdicts[1].score, 3.0);
    EXPECT_FALSE(verdicts[2].score.has_value());
    EXPECT_EQ(verdicts[3].failure, "\xff no");
    EXPECT_EQ(verdicts[7].score, 3.0);
  });
  EXPECT_EQ(asked, (std::vector<std::size_t>{4, 2, 2}));
}

TEST(Dealt, ARewardThatWaitsForAServerIsAskedByRank0Alone) {
  const std::vector<reward::Question> all = questions({"x", "y", "z"});
  std::vector<std::size_t> asked(3, 0);
  ThreadGang threads(3);
  threads.run([&](dist::Gang& gang) {
    const auto reward =
        deal_reward(std::make_unique<LengthReward>(asked[static_cast<std::size_t>(gang.rank())], true), gang);
    EXPECT_FALSE(reward->waits()) << "a collective must not run in a second thread";
    EXPECT_EQ(reward->score(all).at(5).score, 3.0);
  });
  EXPECT_EQ(asked, (std::vector<std::size_t>{6, 0, 0})) << "limits of requests are the gang's";
}

TEST(Dealt, AWaitThatASignalEndsOnOneRankEndsOnAll) {
  const std::vector<reward::Question> all = questions({"x", "stop"});
  std::vector<std::size_t> asked(2, 0);
  ThreadGang threads(2);
  threads.run([&](dist::Gang& gang) {
    const auto reward =
        deal_reward(std::make_unique<LengthReward>(asked[static_cast<std::size_t>(gang.rank())]), gang);
    EXPECT_THROW(reward->score(all), Interrupted);
  });
  clear_interrupt();
}

}  // namespace
}  // namespace una::online
