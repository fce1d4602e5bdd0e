#include "una/study/evaluate/eval_report.h"

#include <gtest/gtest.h>

namespace una::study {
namespace {

EvalCell cell_of(const std::string& name, double value, double normalised) {
  EvalCell cell{.contestant = name, .score = {}, .changes = {}};
  cell.score.metrics = {{"acc_norm", {value, value - 0.1, value + 0.1}, 1200}};
  cell.score.normalised = {normalised, normalised - 2, normalised + 2};
  cell.score.subtasks = {{"bbh_x", value, 1200}};
  return cell;
}

EvalTable table_of(const std::string& task, double normalised = 30) {
  EvalCell tuned = cell_of("tuned", 0.75, normalised + 6);
  tuned.changes = {{"acc_norm", {0.25, 0.125, 0.375}, "better"}};
  return {&eval::find_task(task), {cell_of("model", 0.5, normalised), tuned}};
}

TEST(EvalReport, EveryContestantIsComparedWithTheFirst) {
  const std::string text = eval_text({table_of("bbh")});
  EXPECT_NE(text.find("\nbbh: BIG-Bench Hard, multiple choice, 3 examples, 1,200 rows, 95 % intervals\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("  model     acc_norm                  0.5000  [0.4000, 0.6000]\n"), std::string::npos)
      << text;
  EXPECT_NE(text.find("0.7500  [0.6500, 0.8500]   against model: +0.2500 [+0.1250, +0.3750]  better\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("leaderboard, 0..100       36.00   [34.00, 38.00]\n"), std::string::npos) << text;
}

TEST(EvalReport, TheAverageNeedsAllSixTasks) {
  std::vector<EvalTable> tables;
  double normalised = 10;
  for (const eval::Task& task : eval::tasks()) {
    tables.push_back(table_of(task.name, normalised));
    normalised += 4;
  }
  const std::string text = eval_text(tables);
  EXPECT_NE(text.find("average of the six\n  model     20.00\n  tuned     26.00\n"), std::string::npos)
      << text;
  tables.pop_back();
  EXPECT_EQ(eval_text(tables).find("average"), std::string::npos);
}

TEST(EvalReport, ALossHasItsSign) {
  EvalTable table = table_of("bbh");
  table.cells[1].changes[0].gain = {-0.25, -0.5, 0.125};
  EXPECT_NE(eval_text({table}).find("-0.2500 [-0.5000, +0.1250]"), std::string::npos);
  const auto pages = eval_pages({table});
  ASSERT_EQ(pages.size(), 1U);
  ASSERT_EQ(pages[0].rows.size(), 2U);
  EXPECT_EQ(pages[0].rows[0],
            (std::vector<std::string>{"model", "acc_norm", "0.5000 [0.4000, 0.6000]", "", ""}));
  EXPECT_EQ(pages[0].rows[1][3], "-0.2500 [-0.5000, 0.1250]");
  EXPECT_EQ(pages[0].rows[1][4], "better");
}

TEST(EvalReport, ProgramsReadTheSameNumbers) {
  const Json json = eval_json({table_of("bbh")});
  const Json& tuned = json.at("bbh").at("models").at(1);
  EXPECT_EQ(json.at("bbh").at("metric"), "acc_norm");
  EXPECT_EQ(tuned.at("name"), "tuned");
  EXPECT_EQ(tuned.at("metrics").at("acc_norm"),
            (Json{{"value", 0.75}, {"low", 0.65}, {"high", 0.85}, {"rows", 1200}}));
  EXPECT_EQ(tuned.at("change").at("acc_norm").at("value"), 0.25);
  EXPECT_EQ(tuned.at("subtasks").at("bbh_x").at("rows"), 1200);
  EXPECT_FALSE(json.at("bbh").at("models").at(0).contains("change"));
}

}  // namespace
}  // namespace una::study
