#include "una/study/grid/summary.h"

#include <cmath>

#include <gtest/gtest.h>

#include "una/base/format.h"
#include "una/study/grid/study_page.h"

namespace una::study {
namespace {

// A policy of a cell: four prompts, so that the means are these.
Json point(double scale, double kl, double gain) {
  return {{"scale", scale},
          {"kl", kl},
          {"gain", gain},
          {"gains", {gain - .02, gain - .01, gain + .01, gain + .02}},
          {"log_ratios", {kl - .01, kl, kl, kl + .01}}};
}

Json result_of(const Cell& cell, double rho, double gain) {
  return {{"id", cell.id},
          {"settings", cell.settings},
          {"seconds", 10},
          {"peak_mb", 100},
          {"rho", rho},
          {"rho_ci95", {rho - .1, rho + .1}},
          {"gold_sd", .25},
          {"log_mean_exp_ratio", 0},
          {"calibrated_beta", .1},
          {"pair_accuracy", .7},
          {"reliability", Json::array()},
          {"loss_variance", .1},
          {"loss_variance_relative", .01},
          {"curve", {{10, rho / 2}, {20, rho}}},
          {"frontier", {point(.5, .1, gain / 2), point(1, .4, gain)}}};
}

struct Case {
  StudyOptions options;
  std::vector<Cell> cells;
  std::vector<Json> results;
};

Case made() {
  Case out;
  out.options.arms = {"dpo", "una_group", "gold"};
  out.options.seeds = {"1", "2", "3"};
  resolve(out.options);
  out.cells = make_cells(out.options);
  for (const Cell& cell : out.cells) {
    const double seed = static_cast<double>(cell.seed),
                 more = cell.arm == "una_group" ? .05 + .001 * seed : 0;
    out.results.push_back(result_of(cell, .5 + .02 * seed + more, cell.arm == "una_group" ? .14 : .1));
  }
  return out;
}

TEST(Summary, ArmsAreComparedSeedBySeed) {
  const Case one = made();
  const Json arms = summarise(one.options, one.cells, one.results).at("noises")[0].at("arms");
  ASSERT_EQ(arms.size(), 3U);
  EXPECT_NEAR(arms[0].at("rho").at("mean").get<double>(), .54, 1e-12);
  EXPECT_FALSE(arms[0].contains("rho_difference")) << "the baseline";
  EXPECT_FALSE(arms[2].contains("rho_difference")) << "a control";
  const Json& difference = arms[1].at("rho_difference");
  EXPECT_NEAR(difference.at("mean").get<double>(), .052, 1e-12);
  EXPECT_EQ(difference.at("verdict"), "above");
  EXPECT_EQ(difference.at("p"), difference.at("p_holm"))
      << "one comparison needs no correction: controls are none";
}

TEST(Summary, EachTaskIsASectionOfItsOwn) {
  Case one = made();
  one.options.tasks = {"dialogue", "style"};
  one.cells = make_cells(one.options);
  one.results.clear();
  for (const Cell& cell : one.cells) {
    one.results.push_back(
        result_of(cell, (cell.task == "style" ? .3 : .5) + .01 * static_cast<double>(cell.seed), .1));
  }
  const Json summary = summarise(one.options, one.cells, one.results);
  ASSERT_EQ(summary.at("noises").size(), 2U);
  EXPECT_EQ(summary.at("noises")[1].at("task"), "style");
  EXPECT_NEAR(summary.at("noises")[0].at("arms")[0].at("rho").at("mean").get<double>(), .52, 1e-12);
  EXPECT_NEAR(summary.at("noises")[1].at("arms")[0].at("rho").at("mean").get<double>(), .32, 1e-12);
  EXPECT_NE(summary_tables(summary).find("### style, gaussian, 3 seeds"), std::string::npos);
}

TEST(Summary, GainsAreComparedAtOneKl) {
  const Case one = made();
  const Json arms = summarise(one.options, one.cells, one.results).at("noises")[0].at("arms");
  // On the line in sqrt(KL) between (.1, gain / 2) and (.4, gain).
  const double share = (std::sqrt(.3) - std::sqrt(.1)) / (std::sqrt(.4) - std::sqrt(.1));
  EXPECT_NEAR(arms[0].at("gain_at_kl").at("mean").get<double>(), .05 + .05 * share, 1e-9);
  EXPECT_NEAR(arms[1].at("gain_difference").at("mean").get<double>(), .02 + .02 * share, 1e-9);
  EXPECT_NEAR(arms[0].at("gain").at("mean").get<double>(), .1, 1e-12) << "at the scale that was trained";
  EXPECT_NEAR(arms[0].at("kl").at("mean").get<double>(), .4, 1e-12);
  EXPECT_NEAR(arms[0].at("law")[1].get<double>(), .1 / (.52 * .25 * std::sqrt(.8)), 1e-9);
  EXPECT_NEAR(arms[0].at("steps_to_90").at("mean").get<double>(), 18, 1e-9);
}

TEST(Summary, AKlThatASeedDoesNotReachIsNoFigure) {
  Case one = made();
  one.options.kl = 2;
  const Json summary = summarise(one.options, one.cells, one.results);
  EXPECT_TRUE(summary.at("noises")[0].at("arms")[0].at("gain_at_kl").is_null());
  EXPECT_NE(summary_tables(summary).find("| DPO | 0.540 ± "), std::string::npos) << summary_tables(summary);
  EXPECT_NE(summary_tables(summary).find("| - |"), std::string::npos);
}

TEST(Summary, ThePageHoldsThePlotsAndTheTables) {
  const Case one = made();
  const std::string page = study_page(summarise(one.options, one.cells, one.results));
  for (const char* part :
       {"<svg", "Gain against KL", "una_group", "UNA-C on gold scores (control)", "</html>"}) {
    EXPECT_NE(page.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(page, study_page(summarise(one.options, one.cells, one.results)));
}

}  // namespace
}  // namespace una::study
