#include "una/train/training_loop.h"

#include <csignal>
#include <functional>

#include <gtest/gtest.h>

#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/os/interrupt.h"
#include "una/base/testing.h"
#include "una/train/tiny_run_testing.h"

namespace una::train {
namespace {

using testing::TinyGang;
using testing::TinyRun;

// The same nine rows at every step, in several micro-batches.
struct SameRows final : StepSource {
  StepBatch next() override { return testing::step_of(testing::tiny_rows(9), 20); }
  std::int64_t steps_per_epoch() const override { return 1; }
  RunPosition position() const override { return {}; }
  void seek(const RunPosition& /*position*/) override {}
};

LoopResult run(TinyRun& one, const std::string& folder, std::int64_t steps, const RunState& start = {},
               const std::function<void()>& after_checkpoint = nullptr) {
  const TrainOptions options{
      .max_steps = steps, .learning_rate = 1e-2, .logging_steps = 1, .save_steps = 2, .save_total_limit = 1};
  SameRows source;
  report::RunLog log({.output_dir = folder, .tensorboard = false, .console_rows = false}, steps,
                     start.position.step > 0 ? start.position.step : -1);
  LoopParts parts{.runner = one.runner.get(), .stream = &source, .log = &log, .output_dir = folder};
  parts.config = "a config";
  parts.write_model = [](const std::string& checkpoint) { write_file(checkpoint + "/model.txt", "m"); };
  parts.saved_step = start.config.empty() ? -1 : start.position.step;
  parts.after_checkpoint = after_checkpoint;
  return run_loop(options, parts, start);
}

TEST(TrainingLoop, AStopRightAfterAResumeLeavesTheCheckpointAlone) {
  const std::string folder = test_folder("stop_after_resume");
  TinyRun first("una", {.una_loss = "bce"}, {});
  run(first, folder, 2);
  const std::string checkpoint = latest_checkpoint(folder);
  write_file(checkpoint + "/mark", "as it was");
  install_interrupt_handler();
  std::raise(SIGTERM);
  TinyRun second("una", {.una_loss = "bce"}, {});
  const LoopResult result = run(second, folder, 4, read_checkpoint(checkpoint));
  clear_interrupt();
  EXPECT_TRUE(result.interrupted);
  EXPECT_EQ(result.steps, 2);
  EXPECT_TRUE(is_file(checkpoint + "/mark")) << "it was written again";
}

TEST(TrainingLoop, AStopBeforeTheFirstStepSavesSomethingToGoOnFrom) {
  const std::string folder = test_folder("stop_at_once");
  install_interrupt_handler();
  std::raise(SIGTERM);
  TinyRun one("una", {.una_loss = "bce"}, {});
  int told = 0;
  EXPECT_TRUE(run(one, folder, 4, {}, [&] { ++told; }).interrupted);
  clear_interrupt();
  EXPECT_EQ(latest_checkpoint(folder), folder + "/checkpoint-0");
  EXPECT_EQ(told, 0) << "an old run must not go for it";
}

TEST(TrainingLoop, SurplusCheckpointsGo) {
  const std::string folder = test_folder("surplus");
  TinyRun one("una", {.una_loss = "bce"}, {});
  run(one, folder, 6);
  EXPECT_EQ(checkpoint_steps(folder), std::vector<std::int64_t>{6});
}

TEST(TrainingLoop, TwoRanksWriteOneRun) {
  const std::string alone = test_folder("one_rank"), shared = test_folder("two_ranks");
  TinyRun one("una", {.una_loss = "bce"}, {.dtype = at::kDouble});
  TinyGang two(2, "una", {.una_loss = "bce"}, {.dtype = at::kDouble});
  const LoopResult expected = run(one, alone, 4);
  std::vector<LoopResult> results(2);
  two.together([&](TinyRun& rank) {
    const dist::Gang& gang = rank.runner->gang();
    const std::string folder = gang.leads() ? shared : shared + "-other";  // the other rank's log stays empty
    results[static_cast<std::size_t>(gang.rank())] = run(rank, folder, 4);
  });
  for (const LoopResult& result : results) {
    EXPECT_EQ(result.steps, expected.steps);
    EXPECT_NEAR(result.train_loss, expected.train_loss, 1e-10);
  }
  EXPECT_EQ(split(read_file(shared + "/metrics.jsonl"), '\n').size(),
            split(read_file(alone + "/metrics.jsonl"), '\n').size());
  EXPECT_EQ(read_file(shared + "-other/metrics.jsonl"), "");
  EXPECT_EQ(checkpoint_steps(shared), checkpoint_steps(alone));
  EXPECT_TRUE(checkpoint_steps(shared + "-other").empty());
}

}  // namespace
}  // namespace una::train
