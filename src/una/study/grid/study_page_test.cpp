#include "una/study/grid/study_page.h"

#include <gtest/gtest.h>

namespace una::study {
namespace {

Json figure(double mean) { return {{"mean", mean}, {"half_width", 0.125}, {"values", {mean, mean}}}; }

Json summary_with(const std::string& name, const std::vector<double>& law) {
  Json arm{{"name", name}, {"title", name},         {"control", false},
           {"law", law},   {"gain_at_kl", nullptr}, {"frontier", {{0.4, 0.2}, {0.1, 0.1}}}};
  for (const char* key : {"rho", "gain", "kl", "pair_accuracy", "loss_variance_relative", "steps_to_90",
                          "log_mean_exp_ratio", "calibrated_beta", "seconds", "peak_mb"}) {
    arm[key] = figure(0.5);
  }
  return {
      {"kl", 0.3},
      {"quick", false},
      {"seeds", {"1", "2"}},
      {"baseline", "dpo"},
      {"noises", Json::array({{{"task", "style"}, {"noise", "gaussian"}, {"arms", Json::array({arm})}}})}};
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(StudyPage, NamesAreTextAndNeverMarkup) {
  const std::string page = study_page(summary_with("a<b>&c", {}));
  EXPECT_TRUE(has(page, "a&lt;b&gt;&amp;c"));
  EXPECT_FALSE(has(page, "a<b>"));
}

TEST(StudyPage, APlotWithoutFiguresIsLeftOut) {
  const std::string page = study_page(summary_with("dpo", {1.5}));
  EXPECT_TRUE(has(page, "<h3>Efficiency</h3>"));
  EXPECT_TRUE(has(page, "<h3>Gain against KL</h3>"));
  EXPECT_FALSE(has(page, "<h3>Difference in rho</h3>")) << "the baseline is compared with nothing";
  EXPECT_FALSE(has(page, "<h3>Gain at KL 0.3</h3>")) << "null";
  EXPECT_FALSE(has(page, "<h3>The law</h3>")) << "one ratio makes none";
  EXPECT_TRUE(has(study_page(summary_with("dpo", {1.5, 2})), "<h3>The law</h3>"));
}

TEST(StudyPage, AQuickStudySaysThatItDecidesNothing) {
  Json summary = summary_with("dpo", {});
  EXPECT_FALSE(has(study_page(summary), "no claim is decided"));
  summary["quick"] = true;
  const std::string page = study_page(summary);
  EXPECT_TRUE(has(page, "no claim is decided"));
  EXPECT_TRUE(has(page, "<h1>Study over 2 seeds</h1>"));
  EXPECT_TRUE(has(page, "<h2>style, gaussian</h2>"));
  EXPECT_FALSE(has(page, "http://")) << "self-contained";
}

}  // namespace
}  // namespace una::study
