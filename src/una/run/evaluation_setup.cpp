#include "una/run/evaluation_setup.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/log.h"
#include "una/base/option_checks.h"
#include "una/run/held_out_evaluation.h"
#include "una/run/prompts.h"
#include "una/run/task_evaluation.h"
#include "una/run/training_run.h"
#include "una/setup/methods.h"
#include "una/train/metric_names.h"

namespace una::run {
namespace {

constexpr std::int64_t kLongest = std::int64_t{1} << 40;

void check_held_out(const setup::RunConfig& config) {
  const setup::HeldOutOptions& options = config.held_out;
  check_count("eval_num_generations", options.eval_num_generations, 1);
  check_count("eval_max_completion_length", options.eval_max_completion_length, 1);
  check_count("eval_limit", options.eval_limit, 0);
  check_not_negative("eval_temperature", options.eval_temperature);
  const bool online = setup::is_online(config.method);
  const bool asks = !options.eval_generate_data.empty();
  check_input(asks || options.eval_reward.empty(),
              "eval_reward scores the answers to held-out prompts: name those with ",
              "--eval_generate_data FILE");
  check_input(!asks || online || !options.eval_reward.empty(),
              "eval_generate_data needs a reward for the answers: ",
              "give --eval_reward, as in --eval_reward model:FOLDER (docs/rewards.md)");
  check_input(
      !asks || !online || (config.run.eval_fraction == 0 && !setup::eval_options(config)),
      "eval_generate_data names the held-out prompts of an online run, and so do eval_data and eval_fraction; ",
      "keep one");
  check_input(options.eval_reward_weights.empty() || !options.eval_reward.empty(),
              "eval_reward_weights means nothing without eval_reward");
  check_input(
      options.eval_tasks.empty() == options.eval_tasks_dir.empty(),
      "eval_tasks and eval_tasks_dir, the folder with their rows, go together; docs/eval.md says what is in it");
  check_input(
      config.train.kl_budget == 0 || !asks || options.eval_temperature == 1,
      "kl_budget needs eval_temperature 1: at another one the answers are not the policy's own distribution");
}

// The first eval_limit prompts. `positions`: of the model, 0 for any number.
std::vector<rollout::Prompt> read_held_out(const setup::RunConfig& config, const setup::TextSetup& text,
                                           std::int64_t positions) {
  rows::DataOptions reading = config.data;
  reading.dataset_name = config.held_out.eval_generate_data;
  reading.dataset_train_split = rows::DataOptions{}.dataset_train_split;
  const std::int64_t longest = positions == 0 ? kLongest : positions;
  const PromptRoom room{.tokens = longest - config.held_out.eval_max_completion_length,
                        .made_of = "the model's positions less eval_max_completion_length",
                        .remedy = "lower --eval_max_completion_length"};
  check_input(room.tokens > 0, "eval_max_completion_length ", config.held_out.eval_max_completion_length,
              " leaves no room for a prompt in the model's ", positions, " positions");
  std::vector<rollout::Prompt> prompts;
  rows::ReadReport report;
  read_rows_of("eval_generate_data", [&] { prompts = read_prompts(reading, text, room, report); });
  check_input(!prompts.empty(), "--eval_generate_data: no prompt is left to evaluate on");
  const auto limit = static_cast<std::size_t>(config.held_out.eval_limit);
  if (limit > 0 && prompts.size() > limit) {
    prompts.erase(prompts.begin() + config.held_out.eval_limit, prompts.end());
  }
  log_info(
      cat("held out   ", thousands(std::ssize(prompts)), " different prompts to answer at each evaluation"));
  return prompts;
}

rollout::SampleOptions held_out_sampling(const setup::RunConfig& config, std::vector<std::int32_t> stop_ids) {
  rollout::SampleOptions sampling{.num_generations = config.held_out.eval_num_generations};
  sampling.params.max_new_tokens = config.held_out.eval_max_completion_length;
  sampling.params.temperature = config.held_out.eval_temperature;
  sampling.params.seed = static_cast<std::uint64_t>(config.train.seed);
  sampling.params.stop_ids = std::move(stop_ids);
  return sampling;
}

// What eval_kl is measured to: the run's reference, else the policy's start where that is at hand.
std::optional<eval::PolicyUse> drift_reference(const setup::RunConfig& config, setup::ModelSetup& model) {
  const bool own_prompts = !config.held_out.eval_generate_data.empty();
  if (own_prompts && config.held_out.eval_temperature != 1) { return std::nullopt; }
  if (model.reference != nullptr) {
    return eval::PolicyUse{&model.reference->model(), model.reference->adapter()};
  }
  if (!config.model.use_peft) { return std::nullopt; }
  const bool fresh = config.model.adapter.empty();
  return eval::PolicyUse{model.model.get(),
                         fresh ? model::kNoAdapter : model.model->clone_adapter(model.policy)};
}

std::unique_ptr<train::Evaluator> held_out_evaluation(const setup::RunConfig& config, EvaluationSetup& setup,
                                                      const EvaluatedRun& run) {
  const bool own = !setup.prompts.empty();
  const setup::HeldOutOptions& options = config.held_out;
  if (own && !options.eval_reward.empty()) {
    setup::RewardKeys keys;
    keys.command_timeout = config.online.reward_command_timeout;
    setup.rewards = setup::make_rewards(
        options.eval_reward, reward::weights_of_rewards(options.eval_reward, options.eval_reward_weights),
        keys, {.device = config.model.device});
    log_info(cat("evaluated by ", setup.rewards.reward->description()));
  }
  setup.answers = rollout::make_model_source(*run.model->model, run.model->policy, &run.text->tokenizer());
  eval::HeldOut parts{
      .answers = run.online->answers != nullptr && !own ? run.online->answers.get() : setup.answers.get(),
      .reward = (setup.rewards.reward ? setup.rewards : run.online->rewards).reward.get(),
      .prompts = own ? &setup.prompts : &run.online->eval_prompts,
      .policy = {run.model->model.get(), run.model->policy},
      .reference = drift_reference(config, *run.model)};
  const SamplingParams ends = sampling_of(config, *run.text);
  parts.sampling =
      own ? held_out_sampling(config, ends.stop_ids)
          : rollout::SampleOptions{
                .num_generations = 1, .max_batch = config.online.generation_batch_size, .params = ends};
  return std::make_unique<HeldOutEvaluation>(std::move(parts), config.run.output_dir + "/eval_samples.jsonl",
                                             *run.gang);
}

}  // namespace

void check_evaluation(setup::RunConfig& config) {
  check_input(!setup::eval_options(config) || config.run.eval_fraction == 0,
              "eval_data (or a slice in dataset_test_split) and eval_fraction exclude each other");
  check_held_out(config);
  const bool rows = config.run.eval_fraction > 0 || setup::eval_options(config);
  const bool answers =
      !config.held_out.eval_generate_data.empty() || (setup::is_online(config.method) && rows);
  const std::vector<std::string>& tasks = config.held_out.eval_tasks;
  train::check_evaluation(config.train, rows || answers || !tasks.empty());
  check_input(
      config.train.kl_budget == 0 || answers,
      "kl_budget needs held-out prompts that the policy answers: eval_generate_data, or eval_fraction or ",
      "eval_data of an online method");
  std::string& metric = config.train.metric_for_best_model;
  train::check_metric_name(metric, tasks);
  if (rows || metric != train::TrainOptions{}.metric_for_best_model) { return; }
  if (answers) { metric = "eval_win_rate"; }
  if (!answers && !tasks.empty()) { metric = cat("eval_", tasks[0], "_", eval::find_task(tasks[0]).metric); }
}

void load_evaluation(const setup::RunConfig& config, const setup::TextSetup& text, const ModelSpec& spec,
                     EvaluationSetup& setup) {
  const setup::HeldOutOptions& options = config.held_out;
  const std::int64_t positions = spec.max_positions == 0 ? 0 : spec.position_limit();
  if (!options.eval_generate_data.empty()) { setup.prompts = read_held_out(config, text, positions); }
  if (!options.eval_tasks.empty()) {
    setup.tasks = eval::load_tasks({options.eval_tasks_dir, options.eval_limit}, options.eval_tasks, {});
  }
}

double held_out_cache_tokens(const setup::RunConfig& config, const EvaluationSetup& setup) {
  std::size_t longest = 0;
  for (const rollout::Prompt& prompt : setup.prompts) { longest = std::max(longest, prompt.ids.size()); }
  const std::int64_t answers = std::ssize(setup.prompts) * config.held_out.eval_num_generations;
  const std::int64_t at_one_time = std::min(rollout::SampleOptions{}.max_batch, answers);
  return static_cast<double>(at_one_time *
                             (std::int64_t(longest) + config.held_out.eval_max_completion_length));
}

std::vector<std::unique_ptr<train::Evaluator>> make_evaluators(const setup::RunConfig& config,
                                                               EvaluationSetup& setup,
                                                               const EvaluatedRun& run) {
  std::vector<std::unique_ptr<train::Evaluator>> evaluators;
  if (!setup.prompts.empty() || !run.online->eval_prompts.empty()) {
    evaluators.push_back(held_out_evaluation(config, setup, run));
  }
  if (setup.tasks.empty()) { return evaluators; }
  TaskPolicy policy{.policy = {run.model->model.get(), run.model->policy},
                    .text = run.text,
                    .stop_ids = sampling_of(config, *run.text).stop_ids,
                    .positions = run.model->folder.spec.position_limit()};
  const std::string& folder = run.gang->leads() ? config.run.output_dir : run.other_ranks_folder;
  evaluators.push_back(std::make_unique<TaskEvaluation>(std::move(setup.tasks), std::move(policy),
                                                        folder + "/eval_tasks", *run.gang));
  return evaluators;
}

}  // namespace una::run
