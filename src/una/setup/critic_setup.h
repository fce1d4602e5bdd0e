#pragma once

#include "una/setup/model_setup.h"

namespace una::setup {

// PPO's critic, a reward head that reads every token:
//   critic adapter   a second LoRA adapter on the policy's model
//   critic model     a model of its own: as the policy, a LoRA adapter on it, or with use_peft false all of
//   it
// It starts where the policy starts, with a fresh head, or from critic_from: a reward model or a SEQ_CLS
// adapter with the policy's tokenizer. InputError when that cannot be (another vocabulary, another base).
void add_critic(ModelSetup& setup, const RunConfig& config);

}  // namespace una::setup
