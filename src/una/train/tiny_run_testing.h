#pragma once

#include <memory>
#include <string>

#include "una/train/step_runner.h"
#include "una/train/tiny_testing.h"

namespace una::train::testing {

// A tiny policy with an adapter, its base as reference, a value head, and what trains them.
struct TinyRun {
  TinyRun(const std::string& method, objective::ObjectiveOptions options, const model::LoadOptions& load,
          const StepOptions& step = {})
      : model(tiny_spec(), 1, load), head(tiny_spec().hidden_size, .3, load.dtype, load.device) {
    LoraSpec lora;
    lora.r = 2;
    lora.target_modules = {"all-linear"};
    policy = model.add_adapter(lora, 3, true);
    options.beta = 0.5;
    loss = objective::make_objective(method, options);
    reference = std::make_unique<Reference>(model, model::kNoAdapter, "base", "hash");
    runner = std::make_unique<StepRunner>(TrainableSet{.model = &model,
                                                       .policy = policy,
                                                       .objective = loss.get(),
                                                       .reference = reference.get(),
                                                       .value = &head},
                                          step, gang);
  }
  model::Model model;
  model::ValueHead head;
  model::AdapterId policy = model::kNoAdapter;
  dist::SoloGang gang;
  std::unique_ptr<objective::Objective> loss;
  std::unique_ptr<Reference> reference;
  std::unique_ptr<StepRunner> runner;
};

}  // namespace una::train::testing
