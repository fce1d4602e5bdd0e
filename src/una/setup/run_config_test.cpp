#include "una/setup/run_config.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una::setup {
namespace {

std::string refusal(const std::vector<std::string>& arguments, const std::string& method = "dpo") {
  try {
    read_run_config(arguments, method);
  } catch (const InputError& error) { return error.what(); }
  return "";
}

std::string yaml(const std::string& text) {
  const std::string path = test_folder("run_config") + "/run.yaml";
  write_file(path, text);
  return path;
}

TEST(RunConfig, FlagsWinOverTheFileAndTheFileOverDefaults) {
  const RunConfig config =
      read_run_config({"--config", yaml("method: una\nbeta: 0.2\nlora_r: 4\n"), "--lora_r", "8"}, "");
  EXPECT_EQ(config.method, "una");
  EXPECT_EQ(config.objective.beta, 0.2);
  EXPECT_EQ(config.model.lora_r, 8);
  EXPECT_EQ(config.train.lr_scheduler_type, "cosine") << "una's default";
}

TEST(RunConfig, AKeyAndItsAliasInOneFileAreRefused) {
  EXPECT_NE(refusal({"--config", yaml("model: a\nmodel_name_or_path: b\n")}).find("keep one"),
            std::string::npos);
}

TEST(RunConfig, TheMethodOfTheFileMustBeTheCommands) {
  EXPECT_NE(refusal({"--config", yaml("method: kto\n")}).find("the command is dpo, but method is 'kto'"),
            std::string::npos);
}

TEST(RunConfig, KeysOfPythonProgramsAreWarnedOfAndPassedOver) {
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(refusal({"--trust_remote_code", "--push_to_hub", "false", "--dataset_num_proc", "4"}), "");
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(text.find("--dataset_num_proc, --push_to_hub, --trust_remote_code"), std::string::npos) << text;
  EXPECT_NE(refusal({"--push_to_hub"}).find("una uploads nothing"), std::string::npos);
}

TEST(RunConfig, NamesOfOtherProgramsAreTranslated) {
  EXPECT_EQ(refusal({"--ref_model_name_or_path", "x"}),
            "--ref_model_name_or_path: unknown option; here it is called ref_model");
  EXPECT_EQ(refusal({"--ld_alpha", "1"}).find("did you mean"), std::string::npos);
}

TEST(RunConfig, Bf16AndAnotherDtypeContradict) {
  EXPECT_EQ(read_run_config({"--bf16"}, "dpo").model.dtype, "bfloat16");
  EXPECT_NE(refusal({"--bf16", "--dtype", "float32"}).find("contradict"), std::string::npos);
}

TEST(RunConfig, PathsBecomeAbsoluteAndWordsStay) {
  RunConfig config = default_config("ppo");
  config.model.model_name_or_path = "m";
  config.data.dataset_name = {"a.jsonl:0.7", "/b/c.jsonl"};
  config.run.resume_from_checkpoint = "true";
  config.online.reward = {"model:rm", "math", "implicit:p:r", "http://host/x"};
  const RunConfig out = with_absolute_paths(config);
  const std::string here = absolute_path("x").substr(0, absolute_path("x").size() - 1);
  EXPECT_EQ(out.model.model_name_or_path, here + "m");
  EXPECT_EQ(out.data.dataset_name, (std::vector<std::string>{here + "a.jsonl:0.7", "/b/c.jsonl"}));
  EXPECT_EQ(out.run.resume_from_checkpoint, "true");
  EXPECT_EQ(out.run.reference_cache_dir, "auto");
  EXPECT_EQ(out.online.reward,
            (std::vector<std::string>{"model:" + here + "rm", "math", "implicit:" + here + "p:" + here + "r",
                                      "http://host/x"}));
  EXPECT_EQ(out.model.adapter, "");
  config.data.dataset_dir = "d";
  EXPECT_EQ(with_absolute_paths(config).data.dataset_name[0], "a.jsonl:0.7") << "an entry's name";
}

TEST(RunConfig, OnlyWhatDiffersFromTheDefaultsIsPrinted) {
  RunConfig config = default_config("dpo");
  EXPECT_EQ(print_changed(config), "method: dpo\n");
  config.model.lora_r = 4;
  EXPECT_EQ(print_changed(config), "method: dpo\nlora_r: 4\n");
}

TEST(RunConfig, SeedOfTheOrderAndRowsPerStep) {
  RunConfig config = default_config("dpo");
  EXPECT_EQ(config.order_seed(), 42U);
  config.train.data_seed = 7;
  config.train.gradient_accumulation_steps = 4;
  EXPECT_EQ(config.order_seed(), 7U);
  EXPECT_EQ(config.rows_per_step(), 32);
}

}  // namespace
}  // namespace una::setup
