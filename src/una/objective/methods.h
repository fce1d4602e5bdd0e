#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "una/objective/objective.h"

namespace una::objective {

// The methods behind make_objective, one source file each. InputError on options that contradict each other.
std::unique_ptr<Objective> make_una(const ObjectiveOptions& options);
std::unique_ptr<Objective> make_dpo(const ObjectiveOptions& options);
std::unique_ptr<Objective> make_kto(const ObjectiveOptions& options);
std::unique_ptr<Objective> make_sft(const ObjectiveOptions& options);
std::unique_ptr<Objective> make_reward(const ObjectiveOptions& options);
std::unique_ptr<Objective> make_rloo(const ObjectiveOptions& options);
std::unique_ptr<Objective> make_grpo(const ObjectiveOptions& options);
std::unique_ptr<Objective> make_ppo(const ObjectiveOptions& options);

// The keys of ObjectiveOptions that an objective reads. InputError on an unknown name.
const std::set<std::string>& keys_read(const std::string& objective);

// The position of `value` in `known`; else an InputError with the known values and the nearest.
std::size_t choose(const char* key, const std::string& value, const std::vector<std::string>& known);

void check_beta(const ObjectiveOptions& options);             // > 0 and finite
void check_label_smoothing(const ObjectiveOptions& options);  // in [0, 0.5]
void check_clip(const ObjectiveOptions& options);           // epsilon, epsilon_high, what may withhold a step
void check_class_weights(const ObjectiveOptions& options);  // desirable_weight, undesirable_weight > 0

// The loss that `objective` gives when policy and reference agree: sum_k lambda_k S_k / N_k of an actual
// evaluation with equal log-probs.
double loss_of_equal_policies(const Objective& objective, const std::vector<SequenceMeta>& sequences);

}  // namespace una::objective
