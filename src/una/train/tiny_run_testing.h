#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/sin.h>

#include "una/base/error.h"
#include "una/data/pack.h"
#include "una/dist/thread_gang_testing.h"
#include "una/train/step_runner.h"
#include "una/train/tiny_testing.h"

namespace una::train::testing {

// A tiny policy with an adapter, its base as reference, a value head, and what trains them: one rank.
struct TinyRun {
  TinyRun(const std::string& method, objective::ObjectiveOptions options, const model::LoadOptions& load,
          const StepOptions& step = {}, dist::Gang* gang = nullptr)
      : model(tiny_spec(), 1, load), head(tiny_spec().hidden_size, .3, load.dtype, load.device) {
    LoraSpec lora;
    lora.r = 2;
    lora.target_modules = {"all-linear"};
    if (method == "reward") {
      lora.task_type = "SEQ_CLS";
      lora.modules_to_save = {"score"};
    }
    if (step.dropout) { lora.dropout = 0.3; }
    policy = model.add_adapter(lora, 3, true);
    if (method != "sft" && method != "reward") { options.beta = 0.5; }
    loss = objective::make_objective(method, options);
    reference = std::make_unique<Reference>(model, model::kNoAdapter, "base", "hash");
    runner = std::make_unique<StepRunner>(TrainableSet{.model = &model,
                                                       .policy = policy,
                                                       .objective = loss.get(),
                                                       .reference = reference.get(),
                                                       .value = &head},
                                          step, gang == nullptr ? alone : *gang);
  }
  model::Model model;
  model::ValueHead head;
  model::AdapterId policy = model::kNoAdapter;
  dist::SoloGang alone;
  std::unique_ptr<objective::Objective> loss;
  std::unique_ptr<Reference> reference;
  std::unique_ptr<StepRunner> runner;
};

// A TinyRun on each rank of a gang of threads, all with the same start. Results are the first rank's, after a check
// that the others have the same bits.
class TinyGang {
 public:
  TinyGang(int ranks, const std::string& method, const objective::ObjectiveOptions& options,
           const model::LoadOptions& load, const StepOptions& step = {})
      : gang_(ranks) {
    for (int rank = 0; rank < ranks; ++rank) {
      runs_.push_back(std::make_unique<TinyRun>(method, options, load, step, &gang_.rank(rank)));
    }
  }
  TinyRun& run(int rank) { return *runs_[static_cast<std::size_t>(rank)]; }
  int size() const { return gang_.size(); }

  // One rank after another, outside the gang: to set something up.
  void each(const std::function<void(TinyRun& run)>& change) {
    for (const auto& run : runs_) { change(*run); }
  }
  // On all ranks at once.
  void together(const std::function<void(TinyRun& run)>& work) {
    gang_.run([&](dist::Gang& gang) {
      at::set_num_threads(1);
      work(run(gang.rank()));
    });
  }

  StepResult gradients(const StepBatch& batch, std::int64_t step) {
    std::vector<StepResult> results(runs_.size());
    together([&](TinyRun& run) { result_of(run, results) = run.runner->gradients(batch, step); });
    return agreed(results);
  }
  StepResult step(const StepBatch& batch, std::int64_t step, double rate, double value_rate = 0) {
    std::vector<StepResult> results(runs_.size());
    together(
        [&](TinyRun& run) { result_of(run, results) = run.runner->step(batch, step, rate, value_rate); });
    const StepResult result = agreed(results);
    check(!result.applied || values().equal(run(size() - 1).runner->buffer().values()),
          "two ranks have different weights after a step");
    return result;
  }
  MetricSums evaluate(const StepBatch& batch) {
    std::vector<MetricSums> results(runs_.size());
    together([&](TinyRun& run) { result_of(run, results) = run.runner->evaluate(batch); });
    for (const MetricSums& one : results) {
      check(one.means() == results[0].means(), "two ranks evaluate differently");
    }
    return results[0];
  }

  at::Tensor grads() {
    const at::Tensor& first = run(0).runner->buffer().grads();
    each([&](TinyRun& one) {
      check(one.runner->buffer().grads().equal(first), "two ranks have different gradients");
    });
    return first.clone();
  }
  at::Tensor values() { return run(0).runner->buffer().values().detach().clone(); }

 private:
  template <class Result>
  Result& result_of(TinyRun& run, std::vector<Result>& results) {
    return results[static_cast<std::size_t>(run.runner->gang().rank())];
  }
  static StepResult agreed(const std::vector<StepResult>& results) {
    const StepResult& first = results[0];
    for (const StepResult& one : results) {
      check(one.applied == first.applied && one.trouble == first.trouble && one.bad_rows == first.bad_rows,
            "two ranks decide differently");
      if (!first.bad_rows.empty()) { continue; }  // NaN is not equal to itself
      check(one.loss == first.loss && one.metrics.means() == first.metrics.means(),
            "two ranks have different losses or metrics");
    }
    return results[0];
  }

  dist::testing::ThreadGang gang_;
  std::vector<std::unique_ptr<TinyRun>> runs_;
};

// A policy with a perturbed adapter, so that every gradient is non-zero, on one rank or several.
struct PerturbedGang : TinyGang {
  explicit PerturbedGang(int ranks, const std::string& method = "una",
                         const objective::ObjectiveOptions& options = {.una_loss = "bce"},
                         at::ScalarType dtype = at::kDouble, const StepOptions& step = {})
      : TinyGang(ranks, method, options, {.dtype = dtype}, step) {
    each([](TinyRun& run) {
      at::Tensor& values = run.runner->buffer().values();
      values += 0.05 * at::arange(values.numel(), values.options()).sin();
      run.model.refresh();
    });
  }
  TinyRun& first() { return run(0); }
};

inline StepBatch step_of(const std::vector<Row>& rows, std::int64_t token_budget, bool sharing = true) {
  StepBatch batch;
  const data::PackOptions pack{.token_budget = token_budget, .prefix_sharing = sharing, .min_shared = 1};
  batch.micro_batches = data::pack_rows(rows, pack);
  batch.kl = data::pack_kl_rows(rows, pack);
  batch.rows = static_cast<std::int64_t>(rows.size());
  return batch;
}

// Labelled rows whose answers begin alike, so that what is learned of one holds behind other prompts.
inline std::vector<Row> labelled(int n) {
  std::vector<Row> rows = tiny_rows(n);
  for (Row& row : rows) {
    row.unit = Unit::kBinary;
    row.sequences.resize(1);
    Sequence& sequence = row.sequences[0];
    sequence.target = row.index % 2 == 0 ? 1 : 0;
    for (std::size_t t = 4; t < sequence.ids.size(); ++t) { sequence.ids[t] = static_cast<std::int32_t>(t); }
  }
  return rows;
}

inline const objective::ObjectiveOptions kValueOptions{.una_link = "identity", .una_f = "value_head"};

}  // namespace una::train::testing
