#include "una/study/grid/cells.h"

#include <set>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/format.h"

namespace una::study {
namespace {

StudyOptions small() {
  StudyOptions options;
  options.arms = {"dpo", "una_group"};
  options.seeds = {"3", "7"};
  resolve(options);
  return options;
}

std::set<std::string> ids(const StudyOptions& options) {
  std::set<std::string> out;
  for (const Cell& cell : make_cells(options)) { out.insert(cell.id); }
  return out;
}

std::string refusal(StudyOptions options) {
  try {
    resolve(options);
  } catch (const InputError& error) { return error.what(); }
  return "";
}

TEST(Cells, AreAllCombinationsEachWithAnIdOfItsOwn) {
  StudyOptions options = small();
  options.noises = {"gaussian", "bent"};
  options.beta_factors = {"1", "2"};
  options.rate_factors = {"0.5", "1"};
  const std::vector<Cell> cells = make_cells(options);
  EXPECT_EQ(cells.size(), 2U * 2 * 2 * 2 * 2);
  EXPECT_EQ(ids(options).size(), cells.size());
  EXPECT_TRUE(starts_with(cells.front().id, "dpo-"));
  for (const Cell& cell : cells) {
    EXPECT_EQ(cell.is_nominal, cell.settings.at("beta") == (cell.arm == "dpo" ? 0.8 : 0.1) &&
                                   cell.settings.at("learning_rate") == 1e-3);
  }
}

// What makes a study that is there useful to a larger one, and useless to another.
TEST(Cells, AreFoundAgainWhateverElseTheStudyAsksFor) {
  const std::set<std::string> before = ids(small());
  StudyOptions larger = small();
  larger.arms.push_back("kto");
  larger.seeds.push_back("9");
  larger.baseline = "kto";
  larger.kl = 0.5;
  larger.processes = 7;
  const std::set<std::string> after = ids(larger);
  for (const std::string& id : before) { EXPECT_EQ(after.count(id), 1U) << id; }
  for (const auto change :
       {+[](StudyOptions& o) { o.steps = 7; }, +[](StudyOptions& o) { o.held_out_prompts = 7; },
        +[](StudyOptions& o) { o.adapter_scales = {"1"}; }, +[](StudyOptions& o) { o.threads = 2; }}) {
    StudyOptions other = small();
    change(other);
    for (const std::string& id : ids(other)) { EXPECT_EQ(before.count(id), 0U) << id; }
  }
}

// A study from the time of one task goes on: its cells keep their names.
TEST(Cells, OfTheFirstTaskHaveNoKeyForIt) {
  StudyOptions options = small();
  options.arms = {"dpo"};
  options.seeds = {"3"};
  options.tasks = {"dialogue", "style"};
  const std::vector<Cell> cells = make_cells(options);
  ASSERT_EQ(cells.size(), 2U);
  EXPECT_FALSE(cells[0].settings.contains("task"));
  EXPECT_EQ(cells[0].id, "dpo-d421733f920b0e5a");
  EXPECT_EQ(cells[1].settings.at("task"), "style");
  EXPECT_TRUE(starts_with(cells[1].id, "style-dpo-")) << cells[1].id;
  EXPECT_EQ(seed_job({"dialogue", 3}), "seed-3");
  EXPECT_EQ(seed_job({"style", 3}), "style-seed-3");
  options.tasks = {"style"};
  EXPECT_EQ(make_cells(options)[0].id, cells[1].id) << "whatever else the study asks for";
}

TEST(Cells, EmptyListsAreFilledAndQuickIsSmaller) {
  StudyOptions all, quick;
  quick.quick = true;
  resolve(all);
  resolve(quick);
  EXPECT_EQ(all.seeds.size(), 5U);
  EXPECT_EQ(quick.seeds, (std::vector<std::string>{"1", "2", "3"}));
  EXPECT_GT(all.arms.size(), quick.arms.size());
  EXPECT_EQ(all.noises, (std::vector<std::string>{"gaussian"}));
  EXPECT_EQ(all.tasks, (std::vector<std::string>{"dialogue"}));
  StudyOptions given;
  given.quick = true;
  given.seeds = {"8"};
  resolve(given);
  EXPECT_EQ(given.seeds, (std::vector<std::string>{"8"}));
}

TEST(Cells, WhatCannotBeIsRefusedInOneSentence) {
  StudyOptions options;
  options.arms = {"dpo", "una_gruop"};
  EXPECT_NE(refusal(options).find("did you mean \"una_group\""), std::string::npos) << refusal(options);
  options.arms = {"dpo", "dpo"};
  EXPECT_NE(refusal(options).find("duplicate"), std::string::npos);
  options.arms = {"kto"};
  EXPECT_NE(refusal(options).find("baseline"), std::string::npos);
  options.arms = {"dpo"};
  options.noises = {"loud"};
  EXPECT_NE(refusal(options).find("noise"), std::string::npos);
  options.noises = {};
  options.tasks = {"stile"};
  EXPECT_NE(refusal(options).find("did you mean \"style\""), std::string::npos);
  options.tasks = {"style", "style"};
  EXPECT_NE(refusal(options).find("duplicate"), std::string::npos);
  options.tasks = {};
  options.beta_factors = {"2"};
  EXPECT_NE(refusal(options).find("must be among"), std::string::npos);
  options.beta_factors = {"1", "-2"};
  EXPECT_NE(refusal(options).find("positive"), std::string::npos);
  options.beta_factors = {"1", "two"};
  EXPECT_NE(refusal(options).find("is not a number"), std::string::npos);
  options.beta_factors = {"1"};
  options.seeds = {"1.5"};
  EXPECT_NE(refusal(options).find("whole number"), std::string::npos);
  options.seeds = {"1"};
  EXPECT_EQ(refusal(options), "");
}

}  // namespace
}  // namespace una::study
