#include "una/run/held_out_evaluation.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una::run {
namespace {

// One answer to each prompt: its text is the score that the reward gives it, or "none".
struct ListedAnswers final : rollout::AnswerSource {
  std::vector<rollout::Group> sample(const std::vector<rollout::Prompt>& prompts,
                                     const std::vector<std::int64_t>& indices, const rollout::SampleOptions&,
                                     std::uint64_t) override {
    std::vector<rollout::Group> groups;
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      groups.push_back(
          {.prompt = &prompts[i],
           .index = indices[i],
           .answers = {rollout::make_answer(prompts[i], {5, 6}, texts[i], generate::Output::Finish::kEos)}});
    }
    return groups;
  }
  std::vector<std::string> texts = {"0", "0", "0"};
};

struct WrittenScores final : reward::Reward {
  std::vector<reward::Verdict> score(const std::vector<reward::Question>& questions) override {
    std::vector<reward::Verdict> out;
    for (const reward::Question& question : questions) {
      const std::string text = reward::answer_text(question.answer);
      out.push_back(text == "none" ? reward::failed("no opinion") : reward::scored(std::stod(text)));
    }
    return out;
  }
  std::string description() const override { return "written scores"; }
};

struct World {
  ListedAnswers answers;
  WrittenScores reward;
  std::vector<rollout::Prompt> prompts;
  dist::SoloGang gang;

  World() {
    for (std::int32_t i = 0; i < 3; ++i) {
      prompts.emplace_back();
      prompts.back().ids = {1, i};
    }
  }
  HeldOutEvaluation evaluation(const std::string& samples = "", std::int64_t each = 1) {
    return {
        {.answers = &answers, .reward = &reward, .prompts = &prompts, .sampling = {.num_generations = each}},
        samples,
        gang};
  }
};

TEST(HeldOutEvaluation, LaterAnswersAreComparedWithThoseOfStepZero) {
  World world;
  HeldOutEvaluation evaluation = world.evaluation();
  EXPECT_FALSE(evaluation.has_start());
  EXPECT_EQ(evaluation.evaluate(0).means().at("win_rate"), 0.5) << "with itself";
  EXPECT_TRUE(evaluation.has_start());
  world.answers.texts = {"1", "-1", "2"};
  const auto means = evaluation.evaluate(10).means();
  EXPECT_NEAR(means.at("win_rate"), 2.0 / 3, 1e-12);
  EXPECT_LE(means.at("win_rate_low"), means.at("win_rate"));
  EXPECT_EQ(means.at("win_rate_missing"), 0);
  world.answers.texts = {"1", "none", "2"};
  EXPECT_EQ(evaluation.evaluate(20).means().at("win_rate"), 1)
      << "an answer without a score counts for neither";
}

TEST(HeldOutEvaluation, AResumedRunComparesWithTheSameStart) {
  World world;
  HeldOutEvaluation first = world.evaluation();
  first.evaluate(0);
  HeldOutEvaluation resumed = world.evaluation(), foreign = world.evaluation();
  resumed.load_state(Json::parse(first.state().dump()));
  world.answers.texts = {"1", "1", "1"};
  EXPECT_EQ(resumed.evaluate(10).means().at("win_rate"), 1);
  EXPECT_EQ(foreign.evaluate(10).means().count("win_rate"), 0U) << "nothing to compare with";
}

TEST(HeldOutEvaluation, ARewardThatScoresNothingEndsTheRunBeforeItsFirstStep) {
  World world;
  HeldOutEvaluation evaluation = world.evaluation();
  world.answers.texts = {"none", "none", "none"};
  try {
    evaluation.evaluate(0);
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("none of the answers of step 0; the first failure: no opinion"),
              std::string::npos)
        << error.what();
  }
  EXPECT_NO_THROW(evaluation.evaluate(10)) << "hours of work are not thrown away for one evaluation";
  world.answers.texts = {"none", "0", "none"};
  EXPECT_NO_THROW(evaluation.evaluate(0));
}

TEST(HeldOutEvaluation, TheFileOfAnswersIsCutBackWhereAResumedRunBegins) {
  World world;
  const std::string path = test_folder("held_out_evaluation") + "/eval_samples.jsonl";
  HeldOutEvaluation evaluation = world.evaluation(path);
  for (const std::int64_t step : {0, 10, 20}) { evaluation.evaluate(step); }
  const auto lines = [&] {
    const std::string text = read_file(path);
    return std::count(text.begin(), text.end(), '\n');
  };
  EXPECT_EQ(lines(), 9);
  world.evaluation(path).evaluate(10);  // from a checkpoint between 0 and 10
  EXPECT_EQ(lines(), 6);
}

TEST(HeldOutEvaluation, TheHashIsOfPromptsAndOfHowOftenTheyAreAnswered) {
  World world, other;
  other.prompts[2].ids = {1, 9};
  const std::string hash = world.evaluation().content_hash();
  EXPECT_EQ(hash, world.evaluation("x").content_hash());
  EXPECT_NE(hash, world.evaluation("", 2).content_hash());
  EXPECT_NE(hash, other.evaluation().content_hash());
}

}  // namespace
}  // namespace una::run
