#include "una/recipe/reward_setup.h"

#include <algorithm>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/log.h"

namespace una::recipe {

void warn_of_pad(const std::string& folder, const ModelSpec& spec, std::int32_t eos_id) {
  const bool is_end =
      spec.pad_id >= 0 && (spec.pad_id == eos_id || std::find(spec.eos_ids.begin(), spec.eos_ids.end(),
                                                              spec.pad_id) != spec.eos_ids.end());
  if (!is_end) return;
  log_warning(cat(folder, ": pad_token_id ", spec.pad_id,
                  " is an end token too; una reads the score at the last token of the conversation, "
                  "transformers at the last one that is not the pad id"));
}

std::unique_ptr<reward::RewardModel> make_reward_model(ModelSetup& model, const TextSetup& text,
                                                       const RewardKeys& keys,
                                                       const data::DataOptions& data) {
  check_input(model.model->has_reward_head(),
              cat(model.folder.path, ": no reward model (", model.folder.spec.architecture,
                  "); give a ...ForSequenceClassification folder with one label, or the base of a SEQ_CLS "
                  "adapter and the adapter"));
  check_input(keys.max_tokens_per_micro_batch > 0, "max_tokens_per_micro_batch must be 1 or more");
  warn_of_pad(text.folder, model.folder.spec, text.eos_id);
  reward::RewardText words(*text.tokenizer, text.chat_template ? &*text.chat_template : nullptr, text.eos_id,
                           reward::parse_bos_rule(keys.rm_bos), data.template_date);
  return std::make_unique<reward::RewardModel>(
      *model.model, model.policy, std::move(words),
      reward::RewardModelOptions{.max_length = data.max_length,
                                 .token_budget = keys.max_tokens_per_micro_batch,
                                 .name = model.folder.path});
}

RewardSetup load_reward_model(const std::string& folder, const std::string& adapter, const std::string& dtype,
                              const RewardKeys& keys, const data::DataOptions& data) {
  RewardSetup setup;
  setup.model = load_for_inference(folder, adapter, dtype);
  setup.text = load_text(folder, data, setup.model.folder.spec);
  setup.reward = make_reward_model(setup.model, setup.text, keys, data);
  return setup;
}

}  // namespace una::recipe
