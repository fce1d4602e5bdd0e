#include <algorithm>
#include <cmath>
#include <set>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/log.h"
#include "una/base/option_checks.h"
#include "una/objective/methods.h"

namespace una::objective {
namespace {

// One method: its name, its factory, and the keys of ObjectiveOptions that it reads.
struct Method {
  const char* name;
  std::unique_ptr<Objective> (*make)(const ObjectiveOptions&);
  std::set<std::string> keys;
};

// Adds the keys that all methods with a ratio to the sampling policy read.
std::set<std::string> with_ratio(std::set<std::string> keys) {
  keys.insert({"epsilon", "kl_early_stop", "ratio_threshold", "importance_sampling_correction",
               "importance_sampling_cap", "max_completion_length"});
  return keys;
}

const std::vector<Method>& methods() {
  static const std::vector<Method> kMethods = {
      {.name = "una",
       .make = make_una,
       .keys = with_ratio({"beta",
                           "label_smoothing",
                           "una_link",
                           "una_loss",
                           "una_f",
                           "una_constant",
                           "una_huber_delta",
                           "una_running",
                           "una_running_decay",
                           "una_reward",
                           "una_pair",
                           "una_binary",
                           "una_mix",
                           "una_f_mean",
                           "una_lambda",
                           "label_noise",
                           "target_kl",
                           "una_beta1",
                           "una_quantile",
                           "rpo_eta",
                           "kl_source",
                           "desirable_weight",
                           "undesirable_weight",
                           "loss_weights",
                           "log_ratio_norm",
                           "una_clip",
                           "epsilon_high"})},
      {.name = "dpo",
       .make = make_dpo,
       .keys = {"beta", "loss_type", "label_smoothing", "f_divergence_type", "f_alpha_divergence_coef",
                "rpo_alpha", "rpo_eta", "simpo_gamma", "discopop_tau", "log_ratio_norm",
                "max_completion_length", "label_noise", "target_kl"}},
      {.name = "kto",
       .make = make_kto,
       .keys = {"beta", "desirable_weight", "undesirable_weight", "kl_source", "log_ratio_norm",
                "label_noise", "target_kl"}},
      {.name = "sft", .make = make_sft, .keys = {}},
      {.name = "reward",
       .make = make_reward,
       .keys = {"label_smoothing", "center_rewards_coefficient", "reward_margin", "rpo_eta", "loss_weights"}},
      {.name = "rloo", .make = make_rloo, .keys = with_ratio({"beta", "epsilon_high"})},
      {.name = "grpo",
       .make = make_grpo,
       .keys = with_ratio({"beta", "loss_type", "epsilon_high", "scale_rewards"})},
      {.name = "ppo", .make = make_ppo, .keys = with_ratio({"beta", "vf_coef", "cliprange_value"})},
  };
  return kMethods;
}

// Warns about a key that was changed although the method does not read it.
void warn_unread(const Method& method, ObjectiveOptions options) {
  std::vector<std::string> fallbacks;
  ObjectiveOptions().fields([&](const char*, auto& field, const char*) { fallbacks.push_back(cat(field)); });
  std::size_t i = 0;
  options.fields([&](const char* name, auto& field, const char*) {
    if (cat(field) != fallbacks[i++] && method.keys.count(name) == 0) {
      log_warning(cat(name, " has no effect: the method ", method.name, " does not read it"));
    }
  });
}

}  // namespace

std::vector<std::string> objective_names() {
  std::vector<std::string> names;
  for (const Method& method : methods()) { names.emplace_back(method.name); }
  return names;
}

const std::set<std::string>& keys_read(const std::string& objective) {
  return methods()[choose("method", objective, objective_names())].keys;
}

std::unique_ptr<Objective> make_objective(const std::string& method, const ObjectiveOptions& options) {
  const Method& entry = methods()[choose("method", method, objective_names())];
  warn_unread(entry, options);
  return entry.make(options);
}

std::size_t choose(const char* key, const std::string& value, const std::vector<std::string>& known) {
  check_choice(key, value, known);
  return static_cast<std::size_t>(std::find(known.begin(), known.end(), value) - known.begin());
}

void check_beta(const ObjectiveOptions& options) {
  check_input(std::isfinite(options.beta) && options.beta > 0, "beta must be a positive number, not ",
              options.beta);
}

void check_class_weights(const ObjectiveOptions& options) {
  const auto check_weight = [](const char* key, double value) {
    check_input(std::isfinite(value) && value > 0, key, " must be a positive number, not ", value);
  };
  check_weight("desirable_weight", options.desirable_weight);
  check_weight("undesirable_weight", options.undesirable_weight);
}

void check_label_smoothing(const ObjectiveOptions& options) {
  check_input(options.label_smoothing >= 0 && options.label_smoothing <= 0.5,
              "label_smoothing must be in 0..0.5, not ", options.label_smoothing);
}

}  // namespace una::objective
