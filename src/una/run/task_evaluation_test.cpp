#include "una/run/task_evaluation.h"

#include <algorithm>
#include <memory>

#include <gtest/gtest.h>

#include "una/base/files/files.h"
#include "una/base/testing.h"
#include "una/train/tiny_testing.h"

namespace una::run {
namespace {

// A random model and a tokenizer with one id for each byte, asked eight questions of our own.
struct World {
  setup::TextSetup text{.folder = "test",
                        .encoder = text::Encoder({.tokenizer = std::make_shared<text::Tokenizer>(
                                                      text::train_bpe({""}, 256, {}), "", "", "test"),
                                                  .eos_id = 0})};
  std::unique_ptr<model::Model> model;
  dist::SoloGang gang;
  std::string folder;

  explicit World(const std::string& name) : folder(test_folder("task_evaluation_" + name)) {
    ModelSpec spec = train::testing::tiny_spec();
    spec.vocab_size = 256;
    model = std::make_unique<model::Model>(spec, 1, model::LoadOptions{});
    eval::find_task("musr").write_sample(folder);
  }
  TaskEvaluation evaluation(std::int64_t limit = 0) {
    return {eval::load_tasks({folder, limit}, {"musr"}, {}),
            {.policy = {model.get()}, .text = &text, .stop_ids = {}, .positions = 64},
            folder + "/eval_tasks",
            gang};
  }
};

TEST(TaskEvaluation, StepZeroIsWhatLaterStepsGainOver) {
  World world("gain");
  TaskEvaluation evaluation = world.evaluation();
  EXPECT_FALSE(evaluation.has_start());
  const auto first = evaluation.evaluate(0).means();
  EXPECT_EQ(first.at("musr_acc_norm_gain"), 0);
  EXPECT_EQ(first.count("musr_acc_gain"), 0U) << "of the task's own metric alone";
  EXPECT_TRUE(evaluation.has_start());
  Json start = evaluation.state();
  double right = 0;
  for (Json& row : start.at("musr").at(0)) {  // as if every answer of step 0 had been right
    for (Json& part : row) {
      right += part.at(0) == "acc_norm" ? part.at(1).get<double>() : 0;
      part.at(1) = 1;
    }
  }
  EXPECT_EQ(first.at("musr_acc_norm"), right / 8);
  TaskEvaluation resumed = world.evaluation();
  resumed.load_state(start);
  const auto later = resumed.evaluate(10).means();
  EXPECT_EQ(later.at("musr_acc_norm"), first.at("musr_acc_norm")) << "the same weights";
  EXPECT_LT(right, 8);
  EXPECT_DOUBLE_EQ(later.at("musr_acc_norm_gain"), right / 8 - 1);
}

TEST(TaskEvaluation, AStepThatIsMadeAgainAsksEveryRowAgain) {
  World world("again");
  TaskEvaluation evaluation = world.evaluation(2);
  const std::string path = world.folder + "/eval_tasks/step-10/musr.jsonl";
  evaluation.evaluate(10);
  const std::string first = read_file(path);
  evaluation.evaluate(10);
  EXPECT_EQ(read_file(path), first);
  EXPECT_GE(std::count(first.begin(), first.end(), '\n'), 2);
}

TEST(TaskEvaluation, TheHashIsOfTheQuestions) {
  World world("hash");
  EXPECT_EQ(world.evaluation().content_hash(), world.evaluation().content_hash());
  EXPECT_NE(world.evaluation().content_hash(), world.evaluation(7).content_hash());
}

}  // namespace
}  // namespace una::run
