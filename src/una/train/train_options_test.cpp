#include "una/train/train_options.h"

#include <functional>
#include <limits>

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::train {
namespace {

// "" when the options pass.
std::string complaint(const std::function<void(TrainOptions&)>& change) {
  TrainOptions options;
  change(options);
  try {
    check_options(options);
  } catch (const InputError& error) { return error.what(); }
  return "";
}

TEST(TrainOptions, DefaultsPass) {
  EXPECT_EQ(complaint([](TrainOptions&) {}), "");
}

TEST(TrainOptions, NegativeValuesAreRefusedByName) {
  EXPECT_EQ(complaint([](TrainOptions& o) { o.weight_decay = -3; }),
            "weight_decay must be 0 or positive, not -3");
  EXPECT_EQ(complaint([](TrainOptions& o) { o.max_grad_norm = -1; }),
            "max_grad_norm must be 0 (never clip) or positive, not -1");
  EXPECT_EQ(complaint([](TrainOptions& o) { o.save_total_limit = -1; }),
            "save_total_limit must be at least 0, not -1");
  EXPECT_NE(complaint([](TrainOptions& o) { o.warmup_steps = -1; }), "");
  EXPECT_NE(complaint([](TrainOptions& o) { o.eval_steps = -1; }), "");
  EXPECT_NE(complaint([](TrainOptions& o) { o.max_steps = -1; }), "");
  EXPECT_NE(complaint([](TrainOptions& o) { o.skip_nonfinite = -1; }), "");
}

TEST(TrainOptions, NumbersThatAreNotFiniteAreRefused) {
  for (const double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    EXPECT_NE(complaint([&](TrainOptions& o) { o.learning_rate = bad; }), "");
    EXPECT_NE(complaint([&](TrainOptions& o) { o.weight_decay = bad; }), "");
    EXPECT_NE(complaint([&](TrainOptions& o) { o.max_grad_norm = bad; }), "");
    EXPECT_NE(complaint([&](TrainOptions& o) { o.num_train_epochs = bad; }), "");
  }
}

TEST(TrainOptions, RowsOfAStepCannotOverflow) {
  EXPECT_EQ(complaint([](TrainOptions& o) { o.gradient_accumulation_steps = std::int64_t{1} << 62; }),
            "gradient_accumulation_steps must be at most 1000000000, not 4611686018427387904");
  EXPECT_NE(complaint([](TrainOptions& o) {
              o.gradient_accumulation_steps = 1'000'000;
              o.per_device_train_batch_size = 1'000'000;
            }),
            "");
}

TEST(TrainOptions, EvaluationsNeedRows) {
  TrainOptions options;
  EXPECT_NO_THROW(check_evaluation(options, false));
  options.eval_strategy = "steps";
  EXPECT_THROW(check_evaluation(options, false), InputError);
  EXPECT_NO_THROW(check_evaluation(options, true));
  options.eval_strategy = "auto";
  options.load_best_model_at_end = true;
  EXPECT_THROW(check_evaluation(options, false), InputError);
  EXPECT_NO_THROW(check_evaluation(options, true));
  options.eval_strategy = "no";
  EXPECT_THROW(check_evaluation(options, true), InputError);
  options = {.eval_steps = 5};
  EXPECT_THROW(check_evaluation(options, false), InputError);
  EXPECT_NO_THROW(check_evaluation(options, true));
  options.eval_strategy = "no";
  EXPECT_NO_THROW(check_evaluation(options, false));
}

}  // namespace
}  // namespace una::train
