#include "una/run/training_run.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una::run {
namespace {

std::string refusal(const std::string& method, void (*change)(setup::RunConfig&)) {
  setup::RunConfig config = setup::default_config(method);
  config.data.dataset_name = {"rows.jsonl"};
  change(config);
  try {
    plan_training(config);
  } catch (const InputError& error) { return error.what(); }
  return "";
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(TrainingRun, WhatCannotBeDoneIsRefusedBeforeAnythingIsRead) {
  using Config = setup::RunConfig;
  EXPECT_TRUE(has(refusal("dpo", [](Config& c) { c.data.dataset_name.clear(); }), "--data"));
  EXPECT_TRUE(has(refusal("dpo", [](Config& c) { c.run.eval_fraction = 1; }), "eval_fraction"));
  EXPECT_TRUE(
      has(refusal("dpo", [](Config& c) { c.run.report_to = {"tensorbord"}; }), "did you mean 'tensorboard'"));
  EXPECT_TRUE(has(refusal("dpo", [](Config& c) { c.run.report_to = {"trackio"}; }), "not offered"));
  EXPECT_TRUE(has(refusal("dpo", [](Config& c) { c.train.load_best_model_at_end = true; }), "--eval_data"));
  EXPECT_TRUE(has(refusal("dpo", [](Config& c) { c.train.eval_strategy = "epoch"; }), "eval_strategy epoch"));
  EXPECT_TRUE(has(refusal("rloo", [](Config&) {}), "needs a reward"));
  EXPECT_TRUE(
      has(refusal("dpo", [](Config& c) { c.model.model_name_or_path = "/none"; }), "no such model folder"));
}

TEST(TrainingRun, SentencesAboutDataNameTheKeyWhoseFilesAreRead) {
  const auto sentence = [](const char* text) {
    try {
      read_rows_of("eval_data", [text] { throw InputError(text); });
    } catch (const InputError& error) { return std::string(error.what()); }
    return std::string();
  };
  EXPECT_EQ(sentence("--data: there is no file \"x\""), "--eval_data: there is no file \"x\"");
  EXPECT_EQ(sentence("x.jsonl:3: bad"), "x.jsonl:3: bad");
}

TEST(TrainingRun, TheNearestFolderOfTheOutputMustBeWritable) {
  const std::string folder = test_folder("training_run");
  EXPECT_NO_THROW(check_output_place(folder + "/a/b/c"));
  EXPECT_FALSE(is_folder(folder + "/a")) << "nothing is made";
}

TEST(TrainingRun, AFolderInUseIsKeptUnlessItMayBeEmptied) {
  const std::string folder = test_folder("training_run_used");
  setup::RunConfig config = setup::default_config("dpo");
  config.run.output_dir = folder;
  EXPECT_NO_THROW(check_output_folder(folder, output_rule(config)));
  EXPECT_EQ(checkpoint_to_resume(config), "");
  write_file(folder + "/mine.txt", "keep");
  EXPECT_THROW(check_output_folder(folder, output_rule(config)), InputError);
  config.run.overwrite_output_dir = true;
  EXPECT_THROW(check_output_folder(folder, output_rule(config)), InputError) << "not a run of una";
  EXPECT_TRUE(is_file(folder + "/mine.txt"));
}

}  // namespace
}  // namespace una::run
