#pragma once

#include <initializer_list>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "una/objective/objective.h"

namespace una::objective {

// The methods behind make_objective, one source file each. InputError for options that contradict each other.
std::unique_ptr<Objective> make_una(const ObjectiveOptions& options);
std::unique_ptr<Objective> make_dpo(const ObjectiveOptions& options);
std::unique_ptr<Objective> make_kto(const ObjectiveOptions& options);
std::unique_ptr<Objective> make_sft(const ObjectiveOptions& options);
std::unique_ptr<Objective> make_reward(const ObjectiveOptions& options);
std::unique_ptr<Objective> make_rloo(const ObjectiveOptions& options);
std::unique_ptr<Objective> make_grpo(const ObjectiveOptions& options);
std::unique_ptr<Objective> make_ppo(const ObjectiveOptions& options);

// The keys of ObjectiveOptions that an objective reads. InputError for an unknown name.
const std::set<std::string>& keys_read(const std::string& objective);

// The index of `value` in `known`; else an InputError with the known values and the nearest one.
std::size_t choose(const char* key, const std::string& value, const std::vector<std::string>& known);

// A word of an option and its meaning.
template <class Value>
struct Choice {
  const char* name;
  Value value;
};

// The meaning of `value`; InputError as above.
template <class Value>
Value choose(const char* key, const std::string& value, std::initializer_list<Choice<Value>> choices) {
  std::vector<std::string> names;
  for (const Choice<Value>& choice : choices) { names.emplace_back(choice.name); }
  return choices.begin()[choose(key, value, names)].value;
}

void check_beta(const ObjectiveOptions& options);             // > 0 and finite
void check_label_smoothing(const ObjectiveOptions& options);  // in [0, 0.5]
void check_clip(const ObjectiveOptions& options);  // epsilon, epsilon_high, limits that withhold a step
void check_class_weights(const ObjectiveOptions& options);  // desirable_weight, undesirable_weight > 0

// The loss of `objective` when policy and reference are equal: sum_k lambda_k S_k / N_k of an actual
// evaluation with equal log-probs.
double loss_of_equal_policies(const Objective& objective, const std::vector<SequenceMeta>& sequences);

}  // namespace una::objective
