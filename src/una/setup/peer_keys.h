#pragma once

#include <map>
#include <string>

#include "una/base/options.h"

namespace una::setup {

// Keys of other programs' configurations: Hugging Face's TrainingArguments, TRL's configs, LLaMA-Factory, axolotl.

// What they are called here, or "nothing like it: ..." with the reason; for check_known.
const std::map<std::string, std::string>& foreign_names();

// Whether a key that una does not have may be passed over: its value asks for nothing that changes what is learnt
// here, as packing: true, dataloader_num_workers: 4, neftune_noise_alpha: null. `key` may be a member of a map,
// as "gradient_checkpointing_kwargs.use_reentrant".
bool asks_for_nothing(const std::string& key, const Setting& setting);

// Into our words: transformers' max_steps -1, null for what has a default here, warmup_steps below 1 (a share of the
// steps), activation_checkpointing, use_cpu, loss_type as a list.
void translate_peer_values(Settings& settings);

// TRL's configs name the loss of every method: kto is the loss of kto, nll that of sft. Takes loss_type out where it
// is the method's own, so that any other is refused.
void drop_own_loss(const std::string& method, Settings& settings);

}  // namespace una::setup
