#include "una/online/online_options.h"

#include <cmath>
#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/option_checks.h"
#include "una/objective/methods.h"

namespace una::online {
namespace {

void check_ppo_keys(const OnlineOptions& options, bool is_ppo) {
  const char* where = " is a key of ppo";
  check_input(is_ppo || options.kl_control == "fixed", "kl_control adaptive", where);
  check_input(is_ppo || options.value_warmup_steps == 0, "value_warmup_steps", where);
  check_input(is_ppo || options.critic == "adapter", "critic", where);
  check_input(is_ppo || options.critic_from.empty(), "critic_from", where);
  check_input(is_ppo || options.critic_learning_rate == 0, "critic_learning_rate", where);
  check_input(options.critic_learning_rate >= 0 && std::isfinite(options.critic_learning_rate),
              "critic_learning_rate must be 0 (as learning_rate) or positive");
  check_input(options.kl_target > 0, "kl_target must be positive, not ", options.kl_target);
  check_input(options.kl_horizon > 0, "kl_horizon must be positive, not ", options.kl_horizon);
}

void check_endpoint_keys(const OnlineOptions& options) {
  const bool remote = !options.sampling_endpoint.empty();
  for (const auto& [key, value] : {std::pair("sampling_model", &options.sampling_model),
                                   std::pair("sampling_sync_command", &options.sampling_sync_command)}) {
    check_input(remote || value->empty(), key, " goes with sampling_endpoint, which is not given");
  }
  if (!remote) { return; }
  check_input(!options.sampling_model.empty(),
              "sampling_endpoint needs sampling_model, the policy's name there");
  check_input(options.sampling_sync_command.empty() ||
                  options.sampling_sync_command.find(kAdapterPlace) != std::string::npos,
              "sampling_sync_command must name the folder of the weights by ", kAdapterPlace);
  check_input(options.sampling_concurrency >= 1 && options.sampling_concurrency <= 1024,
              "sampling_concurrency must be in 1..1024");
  check_input(options.sampling_sync_timeout >= 0, "sampling_sync_timeout must not be negative");
  check_input(options.sampling_timeout > 0, "sampling_timeout must be above 0 seconds");
}

void check_offline_keys(const OnlineOptions& options) {
  objective::choose("offline_method", options.offline_method, {"sft", "dpo", "una"});
  check_input(options.offline_coef > 0 && std::isfinite(options.offline_coef),
              "offline_coef must be positive, not ", options.offline_coef,
              "; to leave the rows out, leave out offline_data");
  check_count("offline_batch_size", options.offline_batch_size, 1);
}

}  // namespace

void check_online(const OnlineOptions& options, Method kind) {
  constexpr std::int64_t kMost = 1'000'000;
  const auto at_least = [](const char* key, std::int64_t value, std::int64_t least) {
    check_count(key, value, least, kMost);
  };
  at_least("num_generations", options.num_generations, kind == Method::kPpo ? 1 : 2);
  at_least("num_iterations", options.num_iterations, 1);
  at_least("num_mini_batches", options.num_mini_batches, 1);
  at_least("generation_batch_size", options.generation_batch_size, 1);
  check_input(!options.reward.empty(),
              "an online method needs a reward: give --reward model:FOLDER or another source");
  reward::weights_of_rewards(options.reward, options.reward_weights);
  check_input(options.reward_command_timeout >= 0, "reward_command_timeout must not be negative");
  check_endpoint_keys(options);
  check_offline_keys(options);
  objective::choose("exact_sampling", options.exact_sampling, {"auto", "true", "false"});
  check_input(
      options.exact_sampling != "true" || options.sampling_endpoint.empty(),
      "exact_sampling true with sampling_endpoint: the server sums in an order of its own; leave one out");
  objective::choose("zero_variance", options.zero_variance, {"keep", "drop", "resample"});
  objective::choose("kl_control", options.kl_control, {"fixed", "adaptive"});
  objective::choose("critic", options.critic, {"adapter", "model"});
  at_least("resample_limit", options.resample_limit, 1);
  at_least("num_reference_generations", options.num_reference_generations, 1);
  at_least("soft_overlong_cache", options.soft_overlong_cache, 0);
  at_least("value_warmup_steps", options.value_warmup_steps, 0);
  check_ppo_keys(options, kind == Method::kPpo);
  objective::choose("anchor", options.anchor, {"ref", "rollout"});
  objective::choose("kl_estimator", options.kl_estimator, {"k1", "k3"});
  check_input(options.anchor == "ref" || kind == Method::kUna, "anchor rollout is a form of una_online");
  check_input(options.reward_clip >= 0, "reward_clip must be 0 (off) or positive");
  check_input(options.gamma > 0 && options.gamma <= 1 && options.lam >= 0 && options.lam <= 1,
              "gamma must be in (0, 1] and lam in [0, 1]");
}

}  // namespace una::online
