#include "una/run/evaluation_setup.h"

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::run {
namespace {

using Config = setup::RunConfig;

Config config_of(const std::string& method, void (*change)(Config&)) {
  Config config = setup::default_config(method);
  config.data.dataset_name = {"rows.jsonl"};
  change(config);
  return config;
}

std::string refusal(const std::string& method, void (*change)(Config&)) {
  Config config = config_of(method, change);
  try {
    check_evaluation(config);
  } catch (const InputError& error) { return error.what(); }
  return "";
}

std::string metric(const std::string& method, void (*change)(Config&)) {
  Config config = config_of(method, change);
  check_evaluation(config);
  return config.train.metric_for_best_model;
}

bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

TEST(EvaluationSetup, KeysThatMeanNothingAloneAreRefused) {
  EXPECT_EQ(refusal("dpo", [](Config&) {}), "");
  EXPECT_TRUE(
      has(refusal("dpo", [](Config& c) { c.held_out.eval_reward = {"json"}; }), "--eval_generate_data FILE"));
  EXPECT_TRUE(has(refusal("dpo", [](Config& c) { c.held_out.eval_generate_data = {"p.jsonl"}; }),
                  "eval_generate_data needs a reward"));
  EXPECT_EQ(refusal("rloo", [](Config& c) { c.held_out.eval_generate_data = {"p.jsonl"}; }), "")
      << "an online method has its own";
  EXPECT_TRUE(
      has(refusal("dpo", [](Config& c) { c.held_out.eval_reward_weights = {"2"}; }), "without eval_reward"));
  EXPECT_TRUE(has(refusal("dpo", [](Config& c) { c.held_out.eval_tasks = {"bbh"}; }), "go together"));
  EXPECT_TRUE(has(refusal("dpo", [](Config& c) { c.held_out.eval_tasks_dir = "tasks"; }), "go together"));
}

TEST(EvaluationSetup, HeldOutRowsAreNamedOnce) {
  EXPECT_TRUE(has(refusal("dpo",
                          [](Config& c) {
                            c.run.eval_data = {"e.jsonl"};
                            c.run.eval_fraction = 0.1;
                          }),
                  "exclude each other"));
  EXPECT_TRUE(has(refusal("rloo",
                          [](Config& c) {
                            c.held_out.eval_generate_data = {"p.jsonl"};
                            c.run.eval_fraction = 0.1;
                          }),
                  "keep one"));
  EXPECT_EQ(refusal("dpo",
                    [](Config& c) {
                      c.held_out.eval_generate_data = {"p.jsonl"};
                      c.held_out.eval_reward = {"json"};
                      c.run.eval_fraction = 0.1;
                    }),
            "")
      << "rows and prompts are two evaluations";
}

TEST(EvaluationSetup, ABudgetNeedsThePolicysOwnAnswers) {
  EXPECT_TRUE(
      has(refusal("dpo", [](Config& c) { c.train.kl_budget = 1; }), "kl_budget needs held-out prompts"));
  EXPECT_TRUE(has(refusal("dpo",
                          [](Config& c) {
                            c.train.kl_budget = 1;
                            c.run.eval_fraction = 0.1;
                          }),
                  "kl_budget needs held-out prompts"))
      << "rows are not answered by an offline method";
  EXPECT_TRUE(has(refusal("dpo",
                          [](Config& c) {
                            c.train.kl_budget = 1;
                            c.held_out.eval_generate_data = {"p.jsonl"};
                            c.held_out.eval_reward = {"json"};
                            c.held_out.eval_temperature = 0.5;
                          }),
                  "eval_temperature 1"));
}

TEST(EvaluationSetup, TheMetricThatWasLeftAloneBecomesOneThatTheRunHas) {
  EXPECT_EQ(metric("dpo", [](Config& c) { c.run.eval_fraction = 0.1; }), "eval_loss");
  EXPECT_EQ(metric("dpo",
                   [](Config& c) {
                     c.held_out.eval_generate_data = {"p.jsonl"};
                     c.held_out.eval_reward = {"json"};
                   }),
            "eval_win_rate");
  EXPECT_EQ(metric("dpo",
                   [](Config& c) {
                     c.held_out.eval_tasks = {"ifeval", "bbh"};
                     c.held_out.eval_tasks_dir = "tasks";
                   }),
            "eval_ifeval_prompt_level_strict_acc");
  EXPECT_EQ(metric("dpo",
                   [](Config& c) {
                     c.train.metric_for_best_model = "eval_kl";
                     c.held_out.eval_tasks = {"bbh"};
                     c.held_out.eval_tasks_dir = "tasks";
                   }),
            "eval_kl");
}

}  // namespace
}  // namespace una::run
