#include <gtest/gtest.h>

#include "una/rows/rows_testing.h"
#include "una/views/read_examples.h"

namespace una::views {
namespace {

// Real files; skipped where the folder is absent.
class SharedData : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = shared_data_folder();
    if (folder_.empty()) { GTEST_SKIP() << "no shared data folder"; }
  }
  rows::ReadReport read(const std::string& name, rows::DataOptions options = {}) const {
    options.dataset_name = {folder_ + "/preference/" + name};
    rows::ReadReport report;
    read_examples(options, report, "");
    return report;
  }
  std::string folder_;
};

TEST_F(SharedData, UltrafeedbackHasItsTiesAndIdenticalPairs) {
  rows::DataOptions options;
  options.feedback = "binary";
  const rows::ReadReport report = read("ultrafeedback_train.jsonl", options);
  EXPECT_EQ(report.by_shape.at("UltraFeedback binarized"), 1000);
  EXPECT_EQ(report.dropped.at("chosen equals rejected"), 4);
  EXPECT_EQ(report.dropped.at("empty answer"), 2);
  EXPECT_EQ(report.ties.at("equal scores"), 110);  // 111, one of them in an identical pair
}

TEST_F(SharedData, FailedParsesOfAJudgeAreMissingScores) {
  rows::DataOptions options;
  options.columns = {"prompt=user_prompt", "response=judgment"};
  options.score_range = {"1", "10"};
  EXPECT_EQ(read("zh_scores_with_failed_parses.jsonl", options).dropped.at("score missing"), 40);
}

TEST_F(SharedData, EveryPairFileIsUnderstood) {
  EXPECT_EQ(read("dpo_en_demo.json").by_shape.at("ShareGPT pair"), 299);
  EXPECT_EQ(read("v1_dpo_demo.jsonl").by_shape.at("LLaMA-Factory messages pair"), 100);
  EXPECT_EQ(read("kto_en_demo.json").by_unit.at("binary"), 300);
  EXPECT_EQ(read("kto-mix-test.json").by_unit.at("binary"), 1091);
  EXPECT_EQ(read("persona").by_unit.at("pairwise"), 4000);
  rows::DataOptions options;
  options.feedback = "pairwise";
  EXPECT_EQ(read("oaast_rm_zh.json", options).by_shape.at("Alpaca ranked list"), 775);
}

}  // namespace
}  // namespace una::views
