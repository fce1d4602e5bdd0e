#include "una/run/online_setup.h"

#include <algorithm>
#include <optional>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/hash.h"
#include "una/base/log.h"
#include "una/base/rng.h"
#include "una/reward/reward.h"
#include "una/rollout/rollout.h"
#include "una/run/prompts.h"
#include "una/run/sample_table.h"
#include "una/setup/methods.h"

namespace una::run {
namespace {

std::uint64_t key_of(const std::vector<std::int32_t>& ids) {
  return hash_u64({reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(std::int32_t)});
}

online::Method online_method(const setup::RunConfig& config) {
  const std::optional<online::Method> method = setup::find_method(config.method).online;
  if (!method) { throw InternalError(cat(config.method, " does not learn from its own samples")); }
  return *method;
}

Row prompt_row(const rollout::Prompt& prompt) {
  Row row;
  row.where = prompt.example.where;
  row.unit = Unit::kPrompt;
  row.group_id = key_of(prompt.ids);
  Sequence sequence;
  sequence.ids = prompt.ids;
  sequence.loss_mask.assign(prompt.ids.size(), 0);
  row.sequences = {std::move(sequence)};
  return row;
}

std::unique_ptr<data::Dataset> dataset_of(const std::vector<rollout::Prompt>& prompts) {
  std::vector<Row> rows;
  rows.reserve(prompts.size());
  for (const rollout::Prompt& prompt : prompts) { rows.push_back(prompt_row(prompt)); }
  return data::make_dataset(std::move(rows), {"prompts"});
}

void hold_out(OnlineSetup& setup, double share, std::uint64_t seed) {
  std::vector<rollout::Prompt> kept;
  for (rollout::Prompt& prompt : setup.prompts) {
    const double draw = uniform01(random_bits(seed, stream_id("eval-split"), key_of(prompt.ids)));
    (draw < share ? setup.eval_prompts : kept).push_back(std::move(prompt));
  }
  setup.prompts = std::move(kept);
  check_input(!setup.prompts.empty() && !setup.eval_prompts.empty(), "eval_fraction ", share,
              " leaves one side without prompts");
}

// una's offsets that are made of the rewards of the reference's own answers.
bool fits_reference_rewards(const setup::RunConfig& config) {
  return config.method == "una_online" &&
         (config.objective.una_f == "quantile" || config.objective.una_f == "log_partition");
}

// What una can learn from rows only.
void check_una_online(const setup::RunConfig& config) {
  if (config.method != "una_online") { return; }
  check_input(
      config.objective.una_f != "kto_z0",
      "una_f kto_z0 needs mismatched rows, which a round of samples does not have; take running or group");
  check_input(
      config.objective.log_ratio_norm != "mean",
      "log_ratio_norm mean needs the mean length of the data's answers, which own samples do not have");
}

online::RoundParts round_parts(const setup::RunConfig& config, const setup::TextSetup& text,
                               OnlineSetup& setup, train::TrainableSet& set) {
  return {.set = &set,
          .answers = setup.answers.get(),
          .reward = setup.rewards.reward.get(),
          .tokenizer = &text.tokenizer(),
          .prompts = &setup.prompts,
          .options = config.online,
          .sampling = sampling_of(config, text),
          .pack = pack_options(config),
          .method = online_method(config),
          .beta = config.objective.beta,
          .offline = setup.offline_rows ? &*setup.offline_rows : nullptr,
          .needs_sampler_logps = config.objective.importance_sampling_correction};
}

}  // namespace

void check_online_config(const setup::RunConfig& config) {
  online::check_online(config.online, online_method(config));
  check_input(config.objective.max_completion_length >= 1, "max_completion_length must be at least 1");
  check_input(config.data.max_length > config.objective.max_completion_length, "max_length ",
              config.data.max_length, " leaves no room for a prompt with max_completion_length ",
              config.objective.max_completion_length);
  rollout::check_on_policy({.temperature = config.online.temperature,
                            .top_p = config.online.top_p,
                            .top_k = config.online.top_k,
                            .min_p = config.online.min_p,
                            .repetition_penalty = config.online.repetition_penalty});
  check_una_online(config);
  check_input(config.online.soft_overlong_cache <= config.objective.max_completion_length,
              "soft_overlong_cache ", config.online.soft_overlong_cache,
              " is more than max_completion_length ", config.objective.max_completion_length);
  check_input(
      config.method != "online_dpo" ||
          (config.objective.kl_early_stop == 0 && config.objective.ratio_threshold == 0 &&
           !config.objective.importance_sampling_correction),
      "online_dpo has no ratio: kl_early_stop, ratio_threshold and importance_sampling_correction are "
      "for the methods that have one");
  check_input(
      config.method != "ppo" || config.model.use_peft || config.online.critic == "model",
      "critic adapter is a second LoRA adapter on the policy's model: with use_peft false give --critic "
      "model");
}

SamplingParams sampling_of(const setup::RunConfig& config, const setup::TextSetup& text) {
  SamplingParams params;
  params.max_new_tokens = config.objective.max_completion_length;
  params.temperature = config.online.temperature;
  params.top_p = config.online.top_p;
  params.top_k = config.online.top_k;
  params.min_p = config.online.min_p;
  params.repetition_penalty = config.online.repetition_penalty;
  params.stop = config.online.stop_strings;
  params.stop_ids = text.encoder.model().other_end_ids;
  params.stop_ids.push_back(text.eos_id());
  params.seed = static_cast<std::uint64_t>(config.train.seed);
  return params;
}

RunData load_prompts(const setup::RunConfig& config, const setup::TextSetup& text, OnlineSetup& setup) {
  const PromptRoom room{.tokens = config.data.max_length - config.objective.max_completion_length,
                        .made_of = "max_length less max_completion_length",
                        .remedy = "raise --max_length, lower --max_completion_length"};
  rows::ReadReport report;
  setup.prompts = read_prompts(config.data, text, room, report);
  check_input(!setup.prompts.empty(), "no prompts are left to train on");
  if (config.run.eval_fraction > 0) {
    hold_out(setup, config.run.eval_fraction, config.order_seed());
  } else if (const std::optional<rows::DataOptions> options = setup::eval_options(config)) {
    rows::ReadReport ignored;
    read_rows_of("eval_data", [&] { setup.eval_prompts = read_prompts(*options, text, room, ignored); });
  }
  log_info(cat("prompts    ", thousands(std::ssize(setup.prompts)), " different ones in ",
               thousands(report.rows_read), " rows",
               setup.eval_prompts.empty() ? std::string()
                                          : cat(", ", thousands(std::ssize(setup.eval_prompts)),
                                                " more kept apart for evaluation")));
  RunData data;
  data.train = dataset_of(setup.prompts);
  return data;
}

void load_rewards(const setup::RunConfig& config, OnlineSetup& setup) {
  setup::RewardKeys keys;
  keys.command_timeout = config.online.reward_command_timeout;
  setup.rewards = setup::make_rewards(
      config.online.reward, reward::weights_of_rewards(config.online.reward, config.online.reward_weights),
      keys, {.device = config.model.device});
  log_info(cat("reward     ", setup.rewards.reward->description()));
}

namespace {

// Rows of una in a run of una_online are the same fit; else only beta is shared, and each loss has its own defaults.
objective::ObjectiveOptions offline_objective(const setup::RunConfig& config) {
  const std::string& method = config.online.offline_method;
  objective::ObjectiveOptions options;
  if (method == "una") {
    options.una_f = "zero";
  }  // auto fits a memory to labels, which these rows must not have
  if (method == setup::find_method(config.method).objective) {
    options = config.objective;
    options.importance_sampling_correction = false;  // these rows were not sampled
    return options;
  }
  if (method != "sft") { options.beta = config.objective.beta; }
  return options;
}

}  // namespace

void load_offline(const setup::RunConfig& config, const setup::TextSetup& text, OnlineSetup& setup) {
  if (config.online.offline_data.empty()) { return; }
  setup::RunConfig offline = config;
  offline.data.dataset_name = config.online.offline_data;
  offline.data.dataset_train_split = rows::DataOptions{}.dataset_train_split;
  offline.run.dataset_test_split = setup::RunOptions{}.dataset_test_split;
  offline.run.eval_data.clear();
  offline.run.eval_fraction = 0;
  setup.offline_loss = objective::make_objective(config.online.offline_method, offline_objective(config));
  const objective::Objective::Needs needs = setup.offline_loss->needs();
  check_input(!needs.value && !needs.kl_rows && !needs.survey && setup.offline_loss->state().empty(),
              "offline_method una with ", config.method,
              " needs an una_f without a memory: zero, constant or group, not ", config.objective.una_f);
  read_rows_of("offline_data",
               [&] { setup.offline = load_run_data(offline, text, *setup.offline_loss, "").train; });
  setup.offline_rows.emplace(*setup.offline, config.online.offline_batch_size, config.order_seed(),
                             pack_options(config));
}

std::unique_ptr<StepSource> make_round_source(const setup::RunConfig& config, const setup::TextSetup& text,
                                              OnlineSetup& setup, train::TrainableSet& set) {
  auto source =
      std::make_unique<online::RoundSource>(round_parts(config, text, setup, set), config.rows_per_step(),
                                            config.order_seed(), fits_reference_rewards(config));
  const std::string& folder = config.run.output_dir;  // "": of a rank that writes nothing
  const auto table = folder.empty() ? nullptr : std::make_shared<SampleTable>(folder + "/samples.jsonl");
  const reward::Reward* reward = setup.rewards.reward.get();
  const rollout::AnswerSource* answers = setup.answers.get();
  source->on_round([table, reward, answers](const online::Round& round) {
    if (table != nullptr) { table->add(round); }
    if (const std::string account = reward->account(); !account.empty()) { log_info(account); }
    if (answers != nullptr && !answers->account().empty()) { log_info(answers->account()); }
  });
  return source;
}

}  // namespace una::run
