#include <gtest/gtest.h>

#include "una/study/grid/summary.h"

namespace una::study {
namespace {

Json figure(double mean, double half_width, std::size_t seeds = 3) {
  return {{"mean", mean}, {"half_width", half_width}, {"values", std::vector<double>(seeds, mean)}};
}

// An arm as summarise() gives it.
Json arm_of(const std::string& title, const std::vector<double>& law) {
  Json arm{{"name", "x"},
           {"title", title},
           {"control", false},
           {"law", law},
           {"gain_at_kl", {{"mean", 0.125}, {"low", 0.1}, {"high", 0.15}}}};
  for (const char* key : {"rho", "gain", "kl", "pair_accuracy", "loss_variance_relative", "steps_to_90",
                          "log_mean_exp_ratio", "calibrated_beta", "seconds", "peak_mb"}) {
    arm[key] = figure(0.5, 0.25);
  }
  return arm;
}

std::string tables(const std::vector<Json>& arms) {
  return summary_tables(
      {{"kl", 0.3},
       {"seeds", {"1", "2", "3"}},
       {"baseline", "dpo"},
       {"noises", Json::array({{{"task", "style"}, {"noise", "gaussian"}, {"arms", arms}}})}});
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(SummaryTables, AnArmIsARowOfMeansAndHalfWidths) {
  Json control = arm_of("Gold", {});
  control["control"] = true;
  const std::string text = tables({arm_of("DPO", {1.2}), control});
  EXPECT_TRUE(has(text, "### style, gaussian, 3 seeds\n")) << text;
  EXPECT_TRUE(has(text, "| gain at KL 0.3 |")) << text;
  EXPECT_TRUE(
      has(text,
          "| DPO | 0.500 \u00b1 0.250 | 0.500 \u00b1 0.250 | 0.50 \u00b1 0.25 | 0.125 (0.100 to 0.150) | "
          "0.500 \u00b1 0.250 | 1.20 (1.20 to 1.20) |\n"))
      << text;
  EXPECT_TRUE(has(text, "| Gold (control) |")) << text;
}

TEST(SummaryTables, TheLawsRatioIsAMedianWithItsRange) {
  EXPECT_TRUE(has(tables({arm_of("DPO", {3, 1, 2})}), "| 2.00 (1.00 to 3.00) |"));
  EXPECT_TRUE(has(tables({arm_of("DPO", {4, 1, 2, 3})}), "| 2.50 (1.00 to 4.00) |"))
      << "between the middle two";
  EXPECT_TRUE(has(tables({arm_of("DPO", {})}), "| - |"));
}

TEST(SummaryTables, OneSeedHasNoWidthAndAMissingFigureIsADash) {
  Json arm = arm_of("DPO", {});
  arm["rho"] = figure(0.5, 0, 1);
  arm["gain_at_kl"] = nullptr;
  EXPECT_TRUE(has(tables({arm}), "| DPO | 0.500 | 0.500 \u00b1 0.250 | 0.50 \u00b1 0.25 | - |"))
      << tables({arm});
}

TEST(SummaryTables, OnlyArmsThatAreComparedHaveADifference) {
  Json compared = arm_of("UNA", {});
  compared["rho_difference"] = figure(0.05, 0.01);
  compared["rho_difference"]["p_holm"] = 0.0312;
  compared["rho_difference"]["verdict"] = "above";
  compared["gain_difference"] = nullptr;
  const std::string text = tables({arm_of("DPO", {}), compared});
  EXPECT_TRUE(has(text, "| against dpo | rho |")) << text;
  EXPECT_TRUE(has(text, "| UNA | 0.050 \u00b1 0.010 | 0.031 | above | - |\n")) << text;
  EXPECT_EQ(text.find("| DPO |", text.find("against dpo")), text.find("| DPO | 0.5000"))
      << "the baseline has none";
}

}  // namespace
}  // namespace una::study
