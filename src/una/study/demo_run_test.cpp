#include "una/study/demo_run.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"
#include "una/setup/methods.h"

namespace una::study {
namespace {

TEST(DemoRun, TheTaskAndARandomModelAreOrdinaryFiles) {
  DemoOptions options;
  options.output_dir = test_folder("demo_run");
  options.stop_after = "init";
  options.sft_answers = 200;
  {
    DemoRun run(options);
    EXPECT_FALSE(run.prepare());
    for (const char* name :
         {"/demo.json", "/init/config.json", "/init/tokenizer.json", "/init/model.safetensors"}) {
      EXPECT_TRUE(is_file(run.out() + name)) << name;
    }
    EXPECT_TRUE(is_file(run.data_file("sft")));
  }
  EXPECT_FALSE(DemoRun(options).prepare()) << "an earlier demo is replaced";
}

TEST(DemoRun, AnotherTaskHasItsOwnPromptsAndStart) {
  DemoOptions options;
  options.output_dir = test_folder("demo_run_task");
  options.task = "arithmetic";
  options.stop_after = "init";
  options.sft_answers = 200;
  {
    DemoRun run(options);
    EXPECT_FALSE(run.prepare());
    EXPECT_EQ(run.task().name, "arithmetic");
    EXPECT_NE(read_file(run.data_file("sft")).find(" =\",\"completion\":\""), std::string::npos);
    EXPECT_EQ(read_json_file(run.out() + "/demo.json").at("task"), "arithmetic");
  }
  make_folder(options.output_dir + "/start");
  options.start_from = options.output_dir;
  options.output_dir = test_folder("demo_run_task_other");
  options.task = "style";
  EXPECT_THROW(DemoRun(options).prepare(), InputError) << "the start model of another task";
  options.task = "chess";
  options.start_from = "";
  EXPECT_THROW(DemoRun(options).prepare(), InputError);
}

TEST(DemoRun, AFolderOfOthersIsLeftAlone) {
  DemoOptions options;
  options.output_dir = test_folder("demo_run_foreign");
  write_file(options.output_dir + "/mine.txt", "keep");
  EXPECT_THROW(DemoRun(options).prepare(), InputError);
  options.output_dir += "/new";
  options.stop_after = "never";
  EXPECT_THROW(DemoRun(options).prepare(), InputError);
}

TEST(DemoRun, WhatTrainingsShareIsReadByEveryMethod) {
  const DemoRun run(DemoOptions{});
  for (const char* method : {"una", "kto", "sft", "reward", "rloo", "ppo"}) {
    const setup::RunConfig config = run.base_config(method, "x");
    const Settings settings = parse_yaml_settings(print_options(config), "demo.yaml");
    EXPECT_NO_THROW(setup::check_keys_read(settings, config, {})) << method;
    EXPECT_EQ(config.run.output_dir, run.out() + "/x");
  }
}

TEST(DemoRun, MethodsMayBeChosen) {
  DemoOptions options;
  EXPECT_TRUE(DemoRun(options).wanted("kto"));
  options.methods = {"una_mixed"};
  EXPECT_FALSE(DemoRun(options).wanted("kto"));
}

}  // namespace
}  // namespace una::study
