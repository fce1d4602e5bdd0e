#include <cmath>

#include <gtest/gtest.h>

#include "una/base/files/files.h"
#include "una/base/json.h"
#include "una/base/testing.h"
#include "una/report/run_log.h"

namespace una::report {
namespace {

const char* const kExpected = R"({
  "best_global_step": null,
  "best_metric": null,
  "best_model_checkpoint": null,
  "epoch": 0.5,
  "eval_steps": 20,
  "global_step": 20,
  "is_hyper_param_search": false,
  "is_local_process_zero": true,
  "is_world_process_zero": true,
  "log_history": [
    {
      "epoch": 0.25,
      "grad_norm": 1.5,
      "learning_rate": 1e-06,
      "loss": 0.5,
      "step": 10
    },
    {
      "epoch": 0.5,
      "eval_loss": null,
      "step": 20
    }
  ],
  "logging_steps": 10,
  "max_steps": 40,
  "num_input_tokens_seen": 1234,
  "num_train_epochs": 1,
  "save_steps": 20,
  "stateful_callbacks": {
    "TrainerControl": {
      "args": {
        "should_epoch_stop": false,
        "should_evaluate": false,
        "should_log": false,
        "should_save": true,
        "should_training_stop": false
      },
      "attributes": {}
    }
  },
  "total_flos": 0.0,
  "train_batch_size": 8,
  "trial_name": null,
  "trial_params": null
}
)";

TEST(TrainerState, HasHuggingFacesKeysSortedAndIndentedByTwo) {
  TrainerState state{.global_step = 20,
                     .max_steps = 40,
                     .logging_steps = 10,
                     .eval_steps = 20,
                     .save_steps = 20,
                     .train_batch_size = 8,
                     .num_input_tokens_seen = 1234,
                     .epoch = 0.5,
                     .num_train_epochs = 1};
  const std::string text = print_trainer_state(
      state,
      {{.step = 10, .epoch = 0.25, .values = {{"loss", 0.5}, {"grad_norm", 1.5}, {"learning_rate", 1e-6}}},
       {.step = 20, .epoch = 0.5, .values = {{"eval_loss", NAN}}}});
  EXPECT_EQ(text, kExpected);
}

TEST(TrainerState, NamesTheBestCheckpointWhenThereIsOne) {
  TrainerState state{.global_step = 40, .max_steps = 40, .num_train_epochs = 1.5};
  state.has_best = true;
  state.best_metric = 0.25;
  state.best_global_step = 30;
  state.best_model_checkpoint = "out/checkpoint-30";
  const Json json = parse_json(print_trainer_state(state, {}), "trainer_state.json");
  EXPECT_EQ(json.at("best_metric"), 0.25);
  EXPECT_EQ(json.at("best_global_step"), 30);
  EXPECT_EQ(json.at("best_model_checkpoint"), "out/checkpoint-30");
  EXPECT_EQ(json.at("num_train_epochs"), 1.5);
  EXPECT_TRUE(
      json.at("stateful_callbacks").at("TrainerControl").at("args").at("should_training_stop").get<bool>());
}

}  // namespace
}  // namespace una::report
