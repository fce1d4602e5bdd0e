// Twenty optimiser steps as TRL's trainers (DPO, KTO, reward) and the UNA paper's equations in PyTorch took
// them, repeated by the whole training stack: tests/data/trajectories, recorded by
// tests/parity/record_trajectories.py. `./dev parity` makes the same comparison live, through the commands
// and on texts.
#include <cmath>
#include <filesystem>

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/base/test_data.h"
#include "una/data/dataset.h"
#include "una/data/pack.h"
#include "una/dist/thread_gang_testing.h"
#include "una/train/schedule.h"
#include "una/train/step_runner.h"
#include "una/train/train_options.h"
#include "una/weights/hf_config.h"
#include "una/weights/peft_adapter.h"

namespace una::train {
namespace {

std::string folder() { return (test_data() / "trajectories").string(); }

Json recording() { return read_json_file(folder() + "/trajectories.json"); }

std::string yaml_of(const Json& keys) {
  std::string yaml;
  for (const auto& [key, value] : keys.items()) {
    yaml += cat(key, ": ", value.is_string() ? value.get<std::string>() : value.dump(), "\n");
  }
  return yaml;
}

// The keys of a case, read as a run's YAML would be.
template <class Options>
Options read_case(const Json& keys) {
  Options options;
  read_options(parse_yaml_settings(yaml_of(keys), "case"), options);
  return options;
}

Sequence sequence(const Json& prompt, const Json& answer, double target) {
  Sequence out;
  out.ids = prompt.get<std::vector<std::int32_t>>();
  out.loss_mask.assign(out.ids.size(), 0);
  for (const Json& id : answer) {
    out.ids.push_back(id.get<std::int32_t>());
    out.loss_mask.push_back(1);
  }
  out.target = out.raw_score = target;
  return out;
}

std::unique_ptr<data::Dataset> rows_of(const Json& recorded, const std::string& kind) {
  std::vector<Row> rows;
  for (const Json& each : recorded) {
    Row row;
    row.where = {"trajectories.json", std::ssize(rows) + 1};
    row.index = std::ssize(rows);
    row.group_id = static_cast<std::uint64_t>(rows.size());
    row.unit = kind == "pair" ? Unit::kPair : kind == "binary" ? Unit::kBinary : Unit::kScore;
    const bool good = each["label"].get<bool>();
    if (kind == "pair") {
      row.sequences.push_back(sequence(each["prompt"], each["chosen"], 1));
      row.sequences.push_back(sequence(each["prompt"], each["rejected"], 0));
    } else {
      const double target = kind == "score" ? each["score"].get<double>() : good ? 1 : 0;
      row.sequences.push_back(sequence(each["prompt"], each[good ? "chosen" : "rejected"], target));
    }
    rows.push_back(std::move(row));
  }
  return data::make_dataset(std::move(rows), {"recorded"});
}

// Model, start adapter, its frozen copy as reference: everything of a run but the files it writes.
struct Run {
  Run(const Json& one, dist::Gang& gang)
      : method(one["method"].get<std::string>()),
        train(read_case<TrainOptions>(one["options"])),
        model(weights::read_model_spec(folder() + "/model"), weights::read_model_weights(folder() + "/model"),
              {}, "model"),
        rows(rows_of(recording()["rows"], one["rows"].get<std::string>())),
        loss(objective::make_objective(method, read_case<objective::ObjectiveOptions>(one["options"]))) {
    const std::string adapter = folder() + (method == "reward" ? "/reward-adapter" : "/adapter");
    policy = model.load_adapter(weights::read_adapter_config(adapter), weights::read_adapter_weights(adapter),
                                true, adapter);
    reference = std::make_unique<Reference>(model, model.clone_adapter(policy), "start", "start");
    runner = std::make_unique<StepRunner>(
        TrainableSet{
            .model = &model, .policy = policy, .objective = loss.get(), .reference = reference.get()},
        StepOptions{.max_grad_norm = train.max_grad_norm,
                    .adam_beta1 = train.adam_beta1,
                    .adam_beta2 = train.adam_beta2,
                    .adam_epsilon = train.adam_epsilon,
                    .weight_decay = train.weight_decay},
        gang);
  }
  Schedule schedule() const {
    const auto total = static_cast<double>(train.max_steps);
    return {.type = train.lr_scheduler_type,
            .warmup_steps = train.warmup_steps > 0
                                ? train.warmup_steps
                                : static_cast<std::int64_t>(std::ceil(train.warmup_ratio * total)),
            .total_steps = train.max_steps,
            .min_ratio = train.min_lr_ratio};
  }
  std::string method;
  TrainOptions train;
  model::Model model;
  model::AdapterId policy = model::kNoAdapter;
  std::unique_ptr<data::Dataset> rows;
  std::unique_ptr<objective::Objective> loss;
  std::unique_ptr<Reference> reference;
  std::unique_ptr<StepRunner> runner;
};

void compare_steps(const Json& one, dist::Gang& gang) {
  SCOPED_TRACE(cat(one["name"].get<std::string>(), ", rank ", gang.rank(), " of ", gang.size()));
  at::set_num_threads(1);
  Run run(one, gang);
  // A budget that cuts every step into several micro-batches: the peers' padding and ours must not show.
  data::StepStream stream(*run.rows,
                          run.train.per_device_train_batch_size * run.train.gradient_accumulation_steps, 1,
                          false, {.token_budget = 40, .min_shared = 1}, run.loss->needs().kl_rows);
  std::int64_t step = 0;
  for (const Json& expected : one["steps"]) {
    SCOPED_TRACE(cat("step ", step + 1));
    const double rate = run.train.learning_rate * schedule_factor(run.schedule(), step);
    const StepResult result = run.runner->step(stream.next(), ++step, rate);
    ASSERT_TRUE(result.applied) << result.trouble;
    EXPECT_NEAR(result.loss, expected[0].get<double>(), 1e-4);
    EXPECT_NEAR(result.grad_norm, expected[1].get<double>(), 1e-2 * expected[1].get<double>());
    EXPECT_NEAR(rate, expected[2].get<double>(), 1e-9);
    if (expected.size() > 3) {
      EXPECT_NEAR(result.metrics.means().at("kl"), expected[3].get<double>(), 1e-3);
    }
  }
  EXPECT_EQ(step, run.train.max_steps);
}

void compare_method(const std::string& method) {
  const Json recorded = recording();
  int cases = 0;
  for (const Json& one : recorded["cases"]) {
    if (one["method"] != method) { continue; }
    dist::testing::ThreadGang alone(1), two(2);
    alone.run([&](dist::Gang& gang) { compare_steps(one, gang); });
    two.run([&](dist::Gang& gang) { compare_steps(one, gang); });
    ++cases;
  }
  EXPECT_GT(cases, 0);
}

TEST(Trajectory, DpoEqualsTrlStepByStep) { compare_method("dpo"); }
TEST(Trajectory, KtoEqualsTrlStepByStep) { compare_method("kto"); }
TEST(Trajectory, RewardModelsEqualTrlStepByStep) { compare_method("reward"); }
TEST(Trajectory, UnaEqualsThePapersEquationsStepByStep) { compare_method("una"); }

}  // namespace
}  // namespace una::train
