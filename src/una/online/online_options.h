#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "una/base/options.h"
#include "una/reward/rules.h"

namespace una::online {

// What each method makes of a group of scored answers. Names and defaults: the table in setup/methods.cpp.
enum class Method : std::uint8_t { kUna, kRloo, kGrpo, kOnlineDpo, kPpo };

// Keys of the online methods, with TRL's names (GRPO, RLOO and PPO trainers).
struct OnlineOptions {
  std::vector<std::string> reward;
  std::vector<std::string> reward_weights;  // numbers
  double reward_command_timeout = reward::kCommandTimeout, sampling_sync_timeout = 1800;
  std::int64_t num_generations = 8;
  std::int64_t num_iterations = 1;
  std::int64_t num_mini_batches = 1;
  std::int64_t generation_batch_size = 64;
  std::string exact_sampling = "auto";
  std::string sampling_endpoint, sampling_model, sampling_sync_command;
  std::string sampling_api_key_env = "OPENAI_API_KEY";
  std::int64_t sampling_concurrency = 32;
  double sampling_timeout = 600;
  std::vector<std::string> offline_data;
  std::string offline_method = "sft";
  double offline_coef = 1;
  std::int64_t offline_batch_size = 8;
  double temperature = 1, top_p = 1;
  std::int64_t top_k = 0;
  double min_p = 0, repetition_penalty = 1;
  std::vector<std::string> stop_strings;
  double missing_eos_penalty = 0;
  std::int64_t soft_overlong_cache = 0;
  double soft_overlong_penalty = 1;
  bool mask_truncated_completions = false;
  double reward_clip = 0;
  std::string zero_variance = "keep";
  std::int64_t resample_limit = 3;
  std::int64_t num_reference_generations = 8;
  std::string anchor = "ref";
  std::string ppo_preset = "none";
  std::string kl_estimator = "k1";
  std::string kl_control = "fixed";
  double kl_target = 6;
  double kl_horizon = 10000;
  std::string critic = "adapter", critic_from;
  double critic_learning_rate = 0;
  std::int64_t value_warmup_steps = 0;
  double gamma = 1, lam = 0.95;
  bool whiten_rewards = false, whiten_advantages = true;
  template <class V>
  void fields(V&& v) {
    v("reward", reward,
      "online methods: where scores come from, each model:FOLDER | judge:FILE | http://... | command:LINE | "
      "exact_match | math | length:N | regex:PATTERN | json (docs/rewards.md)");
    v("reward_weights", reward_weights, "a weight for each reward; empty: 1 each");
    v("reward_command_timeout", reward_command_timeout,
      "command rewards: seconds that one call (all answers of a round) may take; 0: no limit");
    v("num_generations", num_generations, "answers sampled for each prompt");
    v("num_iterations", num_iterations, "passes over the samples of a round");
    v("num_mini_batches", num_mini_batches, "optimiser steps of each pass");
    v("generation_batch_size", generation_batch_size, "answers computed at one time");
    v("exact_sampling", exact_sampling,
      "sampler and trainer sum in one order, so that a token's log-prob has the same bits in both (CPU): auto (where the "
      "model can and it costs no time: float32 with AVX-512) | true | false");
    v("sampling_endpoint", sampling_endpoint,
      "an OpenAI-compatible server that answers instead of this process, as http://host:8000/v1; several, with "
      "commas between them, are asked by the ranks in turn (docs/online.md)");
    v("sampling_model", sampling_model, "sampling_endpoint: the policy's name there");
    v("sampling_sync_command", sampling_sync_command,
      "sampling_endpoint: a shell command that gives the server {endpoint} the weights in the folder {adapter}, "
      "before every round");
    v("sampling_sync_timeout", sampling_sync_timeout,
      "sampling_endpoint: seconds that sampling_sync_command may take; 0: no limit");
    v("sampling_api_key_env", sampling_api_key_env,
      "sampling_endpoint: the environment variable that holds its key; empty: no key");
    v("sampling_concurrency", sampling_concurrency, "sampling_endpoint: requests in flight at each server");
    v("sampling_timeout", sampling_timeout, "sampling_endpoint: seconds of one try");
    v("offline_data", offline_data,
      "files whose rows train together with every step's own samples (docs/online.md); written as --data's");
    v("offline_method", offline_method, "the loss of offline_data's rows: sft | dpo | una");
    v("offline_coef", offline_coef, "what that loss is multiplied by before it is added");
    v("offline_batch_size", offline_batch_size, "rows of offline_data a step");
    v("temperature", temperature, "of the sampler; while training only 1");
    v("top_p", top_p, "nucleus sampling; while training only 1");
    v("top_k", top_k, "only the k most likely tokens; while training only 0 (all)");
    v("min_p", min_p,
      "only tokens with this share of the likeliest one's probability; while training only 0");
    v("repetition_penalty", repetition_penalty,
      "of ids that occur in prompt or answer; while training only 1");
    v("stop_strings", stop_strings, "strings that end an answer; rewards read the text before");
    v("missing_eos_penalty", missing_eos_penalty, "taken off the reward of an answer that did not end");
    v("soft_overlong_cache", soft_overlong_cache,
      "the last tokens before max_completion_length that cost more and more (DAPO's soft punishment); 0: "
      "off");
    v("soft_overlong_penalty", soft_overlong_penalty,
      "what the longest answer loses of its reward under soft_overlong_cache");
    v("mask_truncated_completions", mask_truncated_completions,
      "answers that did not end count in their group's mean, but teach nothing themselves");
    v("reward_clip", reward_clip, "rewards are cut to [-c, c]; 0: not");
    v("zero_variance", zero_variance,
      "groups whose rewards are all equal: keep | drop | resample (other draws, what stays equal is "
      "dropped)");
    v("resample_limit", resample_limit, "zero_variance resample: how often");
    v("num_reference_generations", num_reference_generations,
      "una_online with una_f quantile or log_partition: answers of the reference to each prompt, scored "
      "once");
    v("anchor", anchor,
      "una_online: Delta is taken against ref (the paper's text) | rollout (the paper's code: the policy "
      "that "
      "sampled)");
    v("ppo_preset", ppo_preset, "ppo: other defaults, none | trl | openrlhf (docs/online.md)");
    v("kl_estimator", kl_estimator, "ppo, KL in the reward: k1 | k3 (biased: docs/online.md)");
    v("kl_control", kl_control, "ppo, KL coefficient: fixed (beta) | adaptive (beta at first)");
    v("kl_target", kl_target, "kl_control adaptive: the KL of an answer that it steers to, in nats");
    v("kl_horizon", kl_horizon, "kl_control adaptive: answers over which it corrects an error");
    v("critic", critic,
      "ppo: adapter (a second one on the policy's model) | model (its own; use_peft false trains it whole)");
    v("critic_from", critic_from,
      "ppo: the reward model, or its SEQ_CLS adapter, that the critic starts from; empty: the policy's start "
      "and a fresh head");
    v("critic_learning_rate", critic_learning_rate, "ppo: of the critic; 0: as learning_rate");
    v("value_warmup_steps", value_warmup_steps, "ppo: steps at the start that move the critic alone");
    v("gamma", gamma, "ppo: discount");
    v("lam", lam, "ppo: lambda of generalised advantages");
    v("whiten_rewards", whiten_rewards, "ppo: rewards of a round to unit variance, mean kept");
    v("whiten_advantages", whiten_advantages, "ppo: advantages of a round to mean 0, variance 1");
  }
};

// In sampling_sync_command: the folder of the policy's weights, and the server's address.
inline constexpr const char* kAdapterPlace = "{adapter}";
inline constexpr const char* kEndpointPlace = "{endpoint}";

// InputError for values that make no sense, in themselves or for the method.
void check_online(const OnlineOptions& options, Method method);

}  // namespace una::online
