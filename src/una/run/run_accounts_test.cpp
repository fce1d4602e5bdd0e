#include "una/run/run_accounts.h"

#include <gtest/gtest.h>

#include "una/base/testing.h"

namespace una::run {
namespace {

std::string totals_of(const std::string& method, const train::LoopResult& result) {
  setup::RunConfig config;
  config.method = method;
  const setup::ModelSetup model;
  const RunPlan plan;
  const rows::ReadReport read;
  return totals_text({.config = config, .model = model, .plan = plan, .read = read, .result = result});
}

TEST(RunAccounts, TheTotalsTellTheLossWhereItSaysSomething) {
  const train::LoopResult result{
      .steps = 2, .train_loss = -1.4e-17, .last_train = {{"reward", -1.0}, {"kl", 0.0123}}};
  EXPECT_TRUE(totals_of("dpo", result).find(", mean loss -0.0000") != std::string::npos);
  const std::string online = totals_of("rloo", result);
  EXPECT_NE(online.find(", last reward -1, last KL 0.0123, "), std::string::npos) << online;
  EXPECT_EQ(online.find("loss"), std::string::npos) << online;
}

TEST(RunAccounts, AReportIsNamedOnlyWhereThereIsOne) {
  setup::RunConfig config;
  config.run.output_dir = "out";
  EXPECT_EQ(result_text(config, {.health = "", .has_report = true}),
            "out (adapter), report: out/report.html");
  EXPECT_EQ(result_text(config, {}), "out (adapter)");
  config.model.use_peft = false;
  EXPECT_EQ(result_text(config, {}), "out (model)");
}

}  // namespace
}  // namespace una::run
