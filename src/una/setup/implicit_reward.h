#pragma once

#include <memory>
#include <optional>
#include <string>

#include "una/reward/reward.h"
#include "una/setup/model_setup.h"

namespace una::setup {

// Another policy's implicit reward of an answer: beta (log pi(answer | prompt) - log pi_ref(answer |
// prompt)), read with the policy's own tokenizer and template as in training. `name`:
//   implicit:POLICY[:REF]       the sum over the answer's tokens: grows with the answer's length
//   implicit_mean:POLICY[:REF]  divided by the answer's tokens, so that length alone earns nothing
//   logp:POLICY, logp_mean:POLICY  log pi(answer | prompt) itself, without reference and beta; POLICY may be any model
// POLICY is an adapter folder that names its base (the reference, unless REF is given) or a model folder (REF
// is needed then). beta is read from the run.yaml in the policy's folder. InputError on anything else.
std::unique_ptr<reward::Reward> make_implicit_reward(const std::string& name, const Compute& compute);
bool is_implicit(const std::string& name);

// The beta in the run.yaml of a trained policy's folder; nullopt: none.
std::optional<double> trained_beta(const std::string& folder);

}  // namespace una::setup
