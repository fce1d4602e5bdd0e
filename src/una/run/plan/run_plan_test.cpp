#include "una/run/plan/run_plan.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "una/train/tiny_testing.h"

namespace una::run {
namespace {

struct Bench {
  Bench() {
    config.method = "dpo";
    config.train.per_device_train_batch_size = 2;
    config.train.prefix_sharing = false;
    config.train.shuffle = false;
  }

  // Two answers of `length` tokens, half of them wanted.
  static Row pair(std::int32_t length) {
    Row row;
    row.unit = Unit::kPair;
    for (std::int32_t slot = 0; slot < 2; ++slot) {
      Sequence sequence;
      for (std::int32_t i = 0; i < length; ++i) {
        sequence.ids.push_back(1 + slot + i);
        sequence.loss_mask.push_back(i >= length / 2 ? 1 : 0);
      }
      row.sequences.push_back(std::move(sequence));
    }
    return row;
  }

  RunPlan plan(std::vector<Row> rows, std::int64_t walked = 1000, double held_out_tokens = 0) {
    const auto dataset = data::make_dataset(std::move(rows), {"rows"});
    return plan_run(config, spec, {.reference = true}, *dataset,
                    {.walked_rows = walked, .held_out_tokens = held_out_tokens});
  }

  static double part(const RunPlan& plan, const std::string& name) {
    for (const RunPlan::Part& part : plan.memory) {
      if (part.name == name) { return part.bytes; }
    }
    return 0;
  }

  ModelSpec spec = train::testing::tiny_spec();
  setup::RunConfig config;
};

TEST(RunPlan, TokensAreThoseOfTheStepsAsTheyAreDrawn) {
  Bench bench;
  bench.config.train.num_train_epochs = 2;
  const RunPlan found = bench.plan({Bench::pair(4), Bench::pair(8), Bench::pair(10)});
  EXPECT_EQ(found.steps_per_epoch, 2);
  EXPECT_EQ(found.steps, 4);
  EXPECT_EQ(found.work.tokens, 2 * 2 * (4 + 8 + 10));
  EXPECT_EQ(found.work.logps, 2 * 2 * (2 + 4 + 5));
  EXPECT_EQ(found.work.pairs, 2 * 2 * (16 + 64 + 100) / 2.0);
  EXPECT_EQ(found.largest.tokens, 2 * (4 + 8));
}

TEST(RunPlan, TheBudgetBoundsTheLargestMicroBatch) {
  Bench bench;
  bench.config.train.max_tokens_per_micro_batch = 16;
  EXPECT_EQ(bench.plan({Bench::pair(4), Bench::pair(8), Bench::pair(10)}).largest.tokens,
            20);  // a row is never cut
}

TEST(RunPlan, AStepsTokensAreScaledWhereNotAllRowsAreWalked) {
  Bench bench;
  const RunPlan found = bench.plan({Bench::pair(6), Bench::pair(6), Bench::pair(6), Bench::pair(6)}, 2);
  EXPECT_EQ(found.walked_steps, 1);
  EXPECT_EQ(found.work.tokens, 4 * 2 * 6);
}

TEST(RunPlan, SplitMomentsLeaveTheirShareOfEightBytesANumber) {
  Bench bench;
  bench.config.model.use_peft = false;
  const RunPlan whole = bench.plan({Bench::pair(4)});
  RunPlan split = whole;
  split_moments(split, 4);
  EXPECT_DOUBLE_EQ(whole.peak_bytes() - split.peak_bytes(), 6.0 * static_cast<double>(whole.model.trained));
  EXPECT_DOUBLE_EQ(Bench::part(whole, "trained") - Bench::part(split, "trained"),
                   6.0 * static_cast<double>(whole.model.trained));
}

TEST(RunPlan, EachMicroBatchOfAStepHasItsCost) {
  Bench bench;
  bench.config.train.max_tokens_per_micro_batch = 16;
  const RunPlan found = bench.plan({Bench::pair(4), Bench::pair(8), Bench::pair(8)});
  ASSERT_EQ(found.micro_batches.size(), 2U) << "two steps of two rows";
  ASSERT_EQ(found.micro_batches[0].size(), 2U);
  const auto [least, most] = std::minmax(found.micro_batches[0][0], found.micro_batches[0][1]);
  EXPECT_GT(most, 1.9 * least) << "twice the tokens";
  EXPECT_LT(found.reference_operations, found.operations / 2);
  EXPECT_GT(found.reference_operations, 0);
}

TEST(RunPlan, FullTrainingHoldsAReferenceAndNoFrozenWeights) {
  Bench bench;
  const RunPlan adapter = bench.plan({Bench::pair(4)});
  bench.config.model.use_peft = false;
  const RunPlan full = bench.plan({Bench::pair(4)});
  const double bytes = 4.0 * static_cast<double>(full.model.parameters);
  EXPECT_EQ(Bench::part(adapter, "weights"), bytes);
  EXPECT_EQ(Bench::part(adapter, "reference"), 0);
  EXPECT_EQ(Bench::part(full, "weights"), 0);
  EXPECT_EQ(Bench::part(full, "reference"), bytes);
  EXPECT_EQ(full.model.trained, full.model.parameters);
  EXPECT_GE(Bench::part(full, "trained"), 4 * bytes);
}

TEST(RunPlan, OperationsAreTwoForATokenAndAWeightInEachPass) {
  Bench bench;
  bench.spec.num_heads = bench.spec.num_kv_heads = 1;  // next to no attention
  bench.config.train.max_steps = 1;
  bench.config.model.lora_r = 1;
  const RunPlan found = bench.plan({Bench::pair(4)});
  const auto linears = static_cast<double>(found.model.linears);
  const double passes = 3;  // forward, backward, reference
  EXPECT_GE(found.operations, passes * 2 * linears * 8);
  EXPECT_LE(found.operations, 2 * passes * 2 * linears * 8);
}

TEST(RunPlan, TheCacheOfHeldOutAnswersCountsWhereItTakesMoreThanTraining) {
  Bench bench;
  const RunPlan none = bench.plan({Bench::pair(4)});
  const RunPlan large = bench.plan({Bench::pair(4)}, 1000, 1e6),
                larger = bench.plan({Bench::pair(4)}, 1000, 2e6);
  EXPECT_EQ(Bench::part(none, "key-value cache"), 0);
  EXPECT_GT(Bench::part(large, "key-value cache"), 0);
  EXPECT_DOUBLE_EQ(Bench::part(larger, "key-value cache") - Bench::part(large, "key-value cache"),
                   1e6 * large.model.cache_per_token);
  EXPECT_EQ(Bench::part(bench.plan({Bench::pair(4)}, 1000, 1), "key-value cache"), 0)
      << "training takes more";
}

TEST(RunPlan, TheLineNamesEveryPart) {
  Bench bench;
  const std::string line = memory_line(bench.plan({Bench::pair(4)}));
  for (const char* name : {"program and rows", "weights", "trained", "activations", "working memory"}) {
    EXPECT_NE(line.find(name), std::string::npos) << line;
  }
}

TEST(RunPlan, AMachineThatIsTooSmallIsToldWhatTakesLess) {
  Bench bench;
  RunPlan found = bench.plan({Bench::pair(4)});
  EXPECT_EQ(memory_warning(bench.config, found), "");
  found.memory.push_back({"more", "", 1e18});
  const std::string advice = memory_warning(bench.config, found);
  EXPECT_NE(advice.find("--gradient_checkpointing"), std::string::npos) << advice;
  EXPECT_NE(advice.find("bfloat16"), std::string::npos) << advice;
  EXPECT_EQ(advice.find("use_peft"), std::string::npos) << "it is LoRA already";
  bench.config.train.gradient_checkpointing = true;
  bench.config.model.use_peft = false;
  const std::string other = memory_warning(bench.config, found);
  EXPECT_EQ(other.find("--gradient_checkpointing"), std::string::npos) << other;
  EXPECT_NE(other.find("use_peft"), std::string::npos) << other;
}

TEST(RunPlan, ACacheCountsWhereItIsMoreThanTraining) {
  Bench bench;
  bench.config.method = "rloo";
  bench.config.objective.max_completion_length = 8;
  bench.config.online.num_generations = 2;
  const auto cache = [&](std::int64_t batch) {
    bench.config.online.generation_batch_size = batch;
    return bench.plan({Bench::pair(4)});
  };
  const RunPlan few = cache(1), many = cache(100000);
  EXPECT_EQ(Bench::part(few, "key-value cache"), 0);
  EXPECT_GT(Bench::part(many, "key-value cache"), 0);
  const double bytes = 100000.0 * (8 + 8) * many.model.cache_per_token;
  EXPECT_NEAR(many.peak_bytes() - few.peak_bytes(), Bench::part(many, "key-value cache"), 4e6);
  EXPECT_LT(Bench::part(many, "key-value cache"), bytes);
}

}  // namespace
}  // namespace una::run
