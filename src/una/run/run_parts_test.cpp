#include "una/run/training_run.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"
#include "una/train/tiny_run_testing.h"

namespace una::run {
namespace {

StepBatch batch_of(const std::vector<Row>& rows) {
  StepBatch batch;
  batch.micro_batches = data::pack_rows(rows, {});
  batch.rows = static_cast<std::int64_t>(rows.size());
  return batch;
}

TEST(RunParts, TheSelfCheckAcceptsAFreshAdapter) {
  train::testing::TinyRun run("dpo", {}, {});
  const std::string text = step0_self_check(*run.runner, batch_of({train::testing::tiny_rows(1)[0]}));
  EXPECT_NE(text.find("largest log-ratio 0"), std::string::npos) << text;
  EXPECT_NE(text.find("as expected"), std::string::npos) << text;
}

TEST(RunParts, TheSelfCheckRefusesAPolicyThatHasMoved) {
  train::testing::TinyRun run("dpo", {}, {});
  for (const auto& [name, tensor] : run.model.adapter_tensors(run.policy)) { at::Tensor(tensor).fill_(0.3); }
  run.runner->set().refresh();
  EXPECT_THROW(step0_self_check(*run.runner, batch_of({train::testing::tiny_rows(1)[0]})), InputError);
}

TEST(RunParts, StepOptionsFollowTheKeys) {
  setup::RunConfig config = setup::default_config("ppo");
  config.train.learning_rate = 1e-6;
  config.online.critic_learning_rate = 9e-6;
  EXPECT_NEAR(step_options(config).critic_rate, 9, 1e-9);
  EXPECT_EQ(step_options(setup::default_config("dpo")).critic_rate, 1);
}

}  // namespace
}  // namespace una::run
