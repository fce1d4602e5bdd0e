#include "una/study/gradient_noise.h"

#include <cmath>
#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/dot.h>
#include <ATen/ops/zeros.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/dist/gang.h"
#include "una/objective/objective.h"
#include "una/run/online_setup.h"
#include "una/run/training_run.h"
#include "una/setup/critic_setup.h"
#include "una/setup/methods.h"

namespace una::study {
namespace {

double squared_norm(const at::Tensor& vector) { return at::dot(vector, vector).item<double>(); }

// Everything that a run needs up to its first gradient.
struct Probe {
  explicit Probe(const setup::RunConfig& config)
      : gang(dist::make_gang()),
        objective(objective::make_objective(setup::find_method(config.method).objective, config.objective)),
        text(setup::load_text(config.model.model_name_or_path, config.data,
                              setup::read_folder_spec(config.model.model_name_or_path))) {
    run::check_online_config(config);
    run::load_prompts(config, text, online);
    const objective::Objective::Needs needs = objective->needs();
    model = setup::load_for_training(config, needs.score, needs.reference);
    if (needs.token_values) { setup::add_critic(model, config); }
    runner = std::make_unique<train::StepRunner>(train::TrainableSet{.model = model.model.get(),
                                                                     .policy = model.policy,
                                                                     .critic = model.critic,
                                                                     .critic_model = model.critic_model.get(),
                                                                     .objective = objective.get(),
                                                                     .reference = model.reference.get()},
                                                 run::step_options(config), *gang);
    run::load_rewards(config, online);
    source = run::make_round_source(config, text, online, runner->set());
  }

  // The part of the flat gradient that is the policy's, [n] fp64.
  at::Tensor policy_gradient() const {
    const auto& spans = runner->buffer().spans();
    const std::vector<model::TrainableTensor> own = model.model->trainable();  // the buffer begins with these
    std::vector<at::Tensor> parts;
    for (std::size_t i = 0; i < own.size(); ++i) {
      if (!runner->set().is_critics(own[i])) {
        parts.push_back(runner->buffer().grads().narrow(0, spans[i].begin, spans[i].size));
      }
    }
    return at::cat(parts).to(at::kDouble);
  }

  std::unique_ptr<dist::Gang> gang;
  std::unique_ptr<objective::Objective> objective;
  setup::TextSetup text;
  run::OnlineSetup online;
  setup::ModelSetup model;
  std::unique_ptr<train::StepRunner> runner;
  std::unique_ptr<StepSource> source;
};

}  // namespace

double GradientNoise::relative() const {
  return norm > 0 ? noise / (norm * norm) : std::numeric_limits<double>::infinity();
}

GradientNoise gradient_noise(const setup::RunConfig& config, std::int64_t draws, const std::string& name) {
  check_input(draws >= 2, "gradient noise: two draws at least");
  check_input(config.online.num_iterations == 1 && config.online.num_mini_batches == 1,
              "gradient noise: one pass of one step a round (num_iterations 1, num_mini_batches 1)");
  Probe probe(config);
  GradientNoise out{.name = name, .draws = draws};
  double squares = 0;
  for (std::int64_t draw = 1; draw <= draws; ++draw) {
    const train::StepResult result = probe.runner->gradients(probe.source->next(), draw);
    check_input(result.bad_rows.empty() && std::isfinite(result.grad_norm), "gradient noise: ", name,
                " gave numbers that are not finite");
    const at::Tensor gradient = probe.policy_gradient();
    out.mean = out.mean.defined() ? out.mean + gradient : gradient;
    squares += squared_norm(gradient);
  }
  const auto n = static_cast<double>(draws);
  out.mean = out.mean / n;
  out.noise = (squares - n * squared_norm(out.mean)) / (n - 1);
  out.norm = std::sqrt(std::max(0.0, squared_norm(out.mean) - out.noise / n));
  return out;
}

double cosine(const GradientNoise& a, const GradientNoise& b) {
  const double lengths = std::sqrt(squared_norm(a.mean) * squared_norm(b.mean));
  return lengths > 0 ? at::dot(a.mean, b.mean).item<double>() / lengths : 0;
}

}  // namespace una::study
