#include "una/train/training_loop.h"

#include <csignal>
#include <functional>
#include <utility>

#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include "una/base/error.h"
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
  StepBatch next() override {
    StepBatch batch = testing::step_of(testing::tiny_rows(9), 20);
    batch.tokens = 10;
    return batch;
  }
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

TEST(TrainingLoop, LogsTheShareOfTheProductsRate) {
  TinyRun one("una", {.una_loss = "bce"}, {});
  SameRows source;
  const std::string folder = test_folder("mfu");
  report::RunLog log({.output_dir = folder, .tensorboard = false, .console_rows = false}, 4, -1);
  LoopParts parts{.runner = one.runner.get(), .stream = &source, .log = &log, .output_dir = folder};
  parts.write_model = [](const std::string& /*checkpoint*/) {};
  double counted = 0;
  parts.operations = [&](const StepBatch& batch) {
    counted += static_cast<double>(batch.tokens);
    return static_cast<double>(batch.tokens);
  };
  parts.operations_per_second =
      2;  // an operation per token, and twice as many a second: half the tokens per second
  const LoopResult result =
      run_loop({.max_steps = 4, .learning_rate = 1e-2, .logging_steps = 2, .save_strategy = "no"}, parts, {});
  EXPECT_EQ(counted, static_cast<double>(result.tokens));
  EXPECT_NEAR(result.last_train.at("mfu") / result.last_train.at("tokens_per_second"), 0.5, 1e-12);
}

TEST(TrainingLoop, SurplusCheckpointsGo) {
  const std::string folder = test_folder("surplus");
  TinyRun one("una", {.una_loss = "bce"}, {});
  run(one, folder, 6);
  EXPECT_EQ(checkpoint_steps(folder), std::vector<std::int64_t>{6});
}

// Win rates by a list: evaluation number i, the first one of step 0.
struct Scripted final : Evaluator {
  explicit Scripted(std::vector<double> rates) : rates_(std::move(rates)) {}
  std::string name() const override { return "scripted"; }
  std::string content_hash() const override { return "rows"; }
  MetricSums evaluate(std::int64_t step) override {
    steps_.push_back(step);
    MetricSums sums;
    sums.add("win_rate", rates_.at(calls_++));
    sums.add("kl", 1.0);
    return sums;
  }
  bool has_start() const override { return calls_ > 0; }
  Json state() const override { return calls_; }
  void load_state(const Json& state) override { calls_ = state.get<std::size_t>(); }

  std::vector<double> rates_;
  std::size_t calls_ = 0;
  std::vector<std::int64_t> steps_;
};

// Ten steps with an evaluation after each.
LoopResult run_evaluated(TinyRun& one, const std::string& folder, Scripted& evaluator, TrainOptions options,
                         const RunState& start = {}, std::int64_t stop_at = 0) {
  options.max_steps = 10;
  options.learning_rate = 1e-2;
  options.eval_steps = 1;
  options.metric_for_best_model = "eval_win_rate";
  options.save_total_limit = 0;
  SameRows source;
  report::RunLog log({.output_dir = folder, .tensorboard = false, .console_rows = false}, 10,
                     start.position.step > 0 ? start.position.step : -1);
  LoopParts parts{.runner = one.runner.get(), .stream = &source, .log = &log, .evaluators = {&evaluator}};
  parts.output_dir = folder;
  parts.config = "a config";
  parts.write_model = [](const std::string& checkpoint) { write_file(checkpoint + "/model.txt", "m"); };
  parts.saved_step = start.config.empty() ? -1 : start.position.step;
  parts.stop_at = stop_at;
  return run_loop(options, parts, start);
}

TEST(TrainingLoop, EvaluationsThatDoNotImproveEndTheRun) {
  TinyRun one("una", {.una_loss = "bce"}, {});
  Scripted evaluator({0.5, 0.55, 0.7, 0.6, 0.65, 0.9});
  const LoopResult result =
      run_evaluated(one, test_folder("early"), evaluator, {.early_stopping_patience = 2});
  EXPECT_TRUE(result.stopped_early);
  EXPECT_FALSE(result.interrupted);
  EXPECT_EQ(result.steps, 4);
  EXPECT_EQ(result.best_step, 2);
  EXPECT_EQ(evaluator.steps_, (std::vector<std::int64_t>{0, 1, 2, 3, 4}));
}

TEST(TrainingLoop, AnEvaluationBeyondTheKlBudgetIsNotTheBest) {
  TinyRun one("una", {.una_loss = "bce"}, {});
  Scripted evaluator(std::vector<double>(11, 0.9));
  const LoopResult result =
      run_evaluated(one, test_folder("budget"), evaluator, {.kl_budget = 0.5, .early_stopping_patience = 3});
  EXPECT_FALSE(result.has_best);
  EXPECT_EQ(result.steps, 3);
}

TEST(TrainingLoop, APausedRunGoesOnAsIfItHadNotStopped) {
  const std::string straight = test_folder("not_paused"), folder = test_folder("paused");
  const std::vector<double> rates = {0.95, 0.6, 0.7, 0.65, 0.6, 0.5, 0.9, 0.9, 0.9, 0.9, 0.9};
  const TrainOptions options{.load_best_model_at_end = true, .early_stopping_patience = 3};
  TinyRun whole("una", {.una_loss = "bce"}, {});
  Scripted all(rates);
  const LoopResult expected = run_evaluated(whole, straight, all, options);
  EXPECT_EQ(expected.steps, 5);
  TinyRun first("una", {.una_loss = "bce"}, {}), second("una", {.una_loss = "bce"}, {});
  Scripted before(rates), after(rates);
  const LoopResult paused = run_evaluated(first, folder, before, options, {}, 4);
  EXPECT_TRUE(paused.paused);
  EXPECT_EQ(paused.steps, 4);
  const RunState state = read_checkpoint(checkpoint_folder(folder, 4));
  after.load_state(state.evaluators.at("scripted"));
  load_optimizer(checkpoint_folder(folder, 4), second.runner->buffer());
  second.runner->set_updates(state.updates);
  second.runner->set().objective->load_state(state.objective);
  second.runner->set().refresh();
  const LoopResult result = run_evaluated(second, folder, after, options, state);
  EXPECT_TRUE(result.stopped_early);
  EXPECT_EQ(result.steps, expected.steps);
  EXPECT_EQ(result.best_step, expected.best_step);
  EXPECT_EQ(after.steps_, std::vector<std::int64_t>{5}) << "step 0 is known, step 4 was evaluated";
  EXPECT_TRUE(at::equal(second.runner->buffer().values(), whole.runner->buffer().values()));
}

TEST(TrainingLoop, AMetricThatNoEvaluationHasIsToldBeforeTheFirstStep) {
  TinyRun one("una", {.una_loss = "bce"}, {});
  Scripted evaluator({0.5});
  TrainOptions options{.max_steps = 1};
  options.metric_for_best_model = "eval_reward";
  SameRows source;
  const std::string folder = test_folder("no_metric");
  report::RunLog log({.output_dir = folder, .tensorboard = false, .console_rows = false}, 1, -1);
  const LoopParts parts{
      .runner = one.runner.get(), .stream = &source, .log = &log, .evaluators = {&evaluator}};
  EXPECT_THROW(run_loop(options, parts, {}), InputError);
}

TEST(TrainingLoop, EvaluationsAheadAreCounted) {
  EXPECT_EQ(evaluations_left(0, 10, 1), 10);
  EXPECT_EQ(evaluations_left(0, 10, 4), 3) << "4, 8 and the last step";
  EXPECT_EQ(evaluations_left(4, 10, 4), 2);
  EXPECT_EQ(evaluations_left(8, 10, 4), 1);
  EXPECT_EQ(evaluations_left(8, 8, 4), 0);
  EXPECT_EQ(evaluations_left(3, 8, 0), 0);
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
