#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/testing.h"
#include "una/data/pack.h"
#include "una/kernels/standin_device_testing.h"
#include "una/train/tiny_run_testing.h"
#include "una/train/training_loop.h"

// Training on a device that is not the CPU against the same training on the CPU.
namespace una::train {
namespace {

using kernels::testing::far_device;
using kernels::testing::limit_standin_memory;
using kernels::testing::standin_device;
using kernels::testing::standin_memory_used;

struct Bench : testing::TinyRun {
  Bench(const std::string& method, at::Device device)
      : TinyRun(method, {.una_loss = "bce"}, {.device = device}, {.weight_decay = 0.1}) {}
  at::Tensor values() { return runner->buffer().values().detach().cpu(); }
};

std::vector<Row> six_pairs() {
  std::vector<Row> out;
  for (Row& row : testing::tiny_rows(18)) {
    if (row.unit == Unit::kPair) { out.push_back(std::move(row)); }
  }
  return out;
}

// The same six rows a step, in micro-batches of a budget that may shrink.
struct SameRows final : StepSource {
  StepBatch next() override {
    StepBatch batch;
    const std::vector<Row> rows = six_pairs();
    batch.micro_batches = data::pack_rows(rows, {.token_budget = budget, .min_shared = 1});
    batch.rows = std::ssize(rows);
    pieces = batch.micro_batches.size();
    return batch;
  }
  std::int64_t steps_per_epoch() const override { return 1; }
  RunPosition position() const override { return {}; }
  void seek(const RunPosition& /*position*/) override {}
  std::int64_t shrink() override { return budget > 8 ? budget /= 2 : 0; }

  std::int64_t budget = 1000;
  std::size_t pieces = 0;
};

double difference(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); }

TEST(Device, StepsAreTheCpus) {
  for (const std::string method : {"una", "dpo"}) {
    Bench here(method, at::kCPU), far(method, far_device());
    SameRows source;
    const StepBatch batch = source.next();
    for (std::int64_t step = 1; step <= 3; ++step) {
      const StepResult a = far.runner->step(batch, step, 1e-2), b = here.runner->step(batch, step, 1e-2);
      EXPECT_NEAR(a.loss, b.loss, 1e-5);
      EXPECT_NEAR(a.grad_norm, b.grad_norm, 1e-4);
      EXPECT_TRUE(a.applied);
    }
    EXPECT_LT(difference(far.values(), here.values()), 1e-4);
  }
}

TEST(Device, ACheckpointOfOneGoesOnOnAnother) {
  const std::string folder = test_folder("device_checkpoint");
  Bench here("una", at::kCPU), far("una", far_device());
  SameRows source;
  const StepBatch batch = source.next();
  for (std::int64_t step = 1; step <= 2; ++step) { far.runner->step(batch, step, 1e-2); }
  RunState state;
  state.position.step = 2;
  write_checkpoint(folder, state, far.runner->buffer(),
                   {.write_model = [](const std::string&) {}, .trainer_state = "{}"});
  load_optimizer(checkpoint_folder(folder, 2), here.runner->buffer());
  here.runner->set_updates(2);
  here.model.refresh();
  EXPECT_EQ(difference(here.values(), far.values()), 0);
  for (Bench* bench : {&here, &far}) { bench->runner->step(batch, 3, 1e-2); }
  EXPECT_LT(difference(here.values(), far.values()), 1e-4);
}

LoopResult run_two_steps(Bench& bench, SameRows& source, const std::string& folder) {
  const TrainOptions options{.max_steps = 2, .learning_rate = 1e-2, .save_strategy = "no"};
  report::RunLog log({.output_dir = folder}, 2, 0);
  return run_loop(options,
                  {.runner = bench.runner.get(), .stream = &source, .log = &log, .output_dir = folder}, {});
}

TEST(Device, AStepThatDoesNotFitIsRunInSmallerPieces) {
  Bench whole("dpo", standin_device()), tight("dpo", standin_device());
  SameRows large, small;
  run_two_steps(whole, large, test_folder("device_large"));
  limit_standin_memory(standin_memory_used() + 100'000);
  run_two_steps(tight, small, test_folder("device_small"));
  limit_standin_memory(0);
  EXPECT_EQ(large.pieces, 1U);
  EXPECT_GT(small.pieces, 1U);
  EXPECT_LT(difference(tight.values(), whole.values()), 1e-5);
}

TEST(Device, WhatNeverFitsIsRefusedInWords) {
  Bench bench("dpo", standin_device());
  SameRows source;
  limit_standin_memory(standin_memory_used() + 1000);
  std::string message;
  try {
    run_two_steps(bench, source, test_folder("device_full"));
  } catch (const InputError& error) { message = error.what(); }
  limit_standin_memory(0);
  EXPECT_NE(message.find("does not fit into the device's memory"), std::string::npos) << message;
}

}  // namespace
}  // namespace una::train
