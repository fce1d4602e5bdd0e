#include "una/setup/reward_setup.h"

#include <algorithm>
#include <utility>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/base/log.h"
#include "una/hub/cache.h"
#include "una/reward/http_reward.h"
#include "una/reward/judge.h"
#include "una/setup/implicit_reward.h"

namespace una::setup {

void warn_of_pad(const std::string& folder, const ModelSpec& spec, std::int32_t eos_id) {
  const bool is_end =
      spec.pad_id >= 0 && (spec.pad_id == eos_id || std::find(spec.eos_ids.begin(), spec.eos_ids.end(),
                                                              spec.pad_id) != spec.eos_ids.end());
  if (!is_end) { return; }
  log_warning(cat(folder, ": pad_token_id ", spec.pad_id,
                  " is an end token too; una reads the score at the last token of the conversation, "
                  "transformers at the last one that is not the pad id"));
}

std::unique_ptr<reward::RewardModel> make_reward_model(ModelSetup& model, const TextSetup& text,
                                                       const RewardKeys& keys,
                                                       const rows::DataOptions& data) {
  check_input(model.model->has_reward_head(), model.folder.path, ": no reward model (",
              model.folder.spec.architecture,
              "); give a ...ForSequenceClassification folder with one label, or the base of a SEQ_CLS "
              "adapter and the adapter");
  check_input(keys.max_tokens_per_micro_batch > 0, "max_tokens_per_micro_batch must be 1 or more");
  warn_of_pad(text.folder, model.folder.spec, text.eos_id());
  reward::RewardText words(text.encoder, text::parse_bos_rule(keys.rm_bos));
  return std::make_unique<reward::RewardModel>(
      *model.model, model.policy, std::move(words),
      reward::RewardModelOptions{.max_length = data.max_length,
                                 .token_budget = keys.max_tokens_per_micro_batch,
                                 .name = model.folder.path});
}

RewardSetup load_reward_model(const std::string& folder, const std::string& adapter, const Compute& compute,
                              const RewardKeys& keys, const rows::DataOptions& data) {
  RewardSetup setup;
  setup.model = load_for_inference(folder, adapter, compute);
  setup.text = load_text(text_folders(folder, adapter), data, setup.model.folder.spec);
  setup.reward = make_reward_model(setup.model, setup.text, keys, data);
  return setup;
}

ModelPlace model_place(std::string folder) {
  hub::resolve(folder);
  if (!is_file(folder + "/adapter_config.json") || is_file(folder + "/config.json")) { return {folder, ""}; }
  const std::string path = folder + "/adapter_config.json";
  const Json json = parse_json(read_file(path), path);
  ModelPlace place{json.value("base_model_name_or_path", ""), folder};
  check_input(!place.folder.empty(), path, ": base_model_name_or_path is missing");
  hub::resolve(place.folder);
  return place;
}

namespace {

// "model:FOLDER"
std::unique_ptr<RewardSetup> load_model_reward(const std::string& name, const RewardKeys& keys,
                                               const Compute& compute) {
  std::string folder = name.substr(std::string("model:").size());
  hub::resolve(folder);
  check_input(is_folder(folder), "reward ", name, ": there is no folder '", folder, "'");
  const ModelPlace place = model_place(folder);
  rows::DataOptions reading;
  reading.max_length = 0;
  return std::make_unique<RewardSetup>(
      load_reward_model(place.folder, place.adapter, compute, keys, reading));
}

std::unique_ptr<reward::Reward> http_reward(const std::string& name) {
  reward::HttpRewardOptions options;
  options.client.bearer = net::environment_key("REWARD_API_KEY", name);
  return reward::make_http_reward(name, options);
}

}  // namespace

Rewards make_rewards(const std::vector<std::string>& names, const std::vector<double>& weights,
                     const RewardKeys& keys, const Compute& compute) {
  Rewards out;
  std::vector<std::unique_ptr<reward::Reward>> rewards;
  for (const std::string& name : names) {
    if (starts_with(name, "model:")) {
      out.models.push_back(load_model_reward(name, keys, compute));
      rewards.push_back(std::move(out.models.back()->reward));
    } else if (starts_with(name, "judge:")) {
      rewards.push_back(reward::make_judge(name.substr(std::string("judge:").size())));
    } else if (starts_with(name, "http://") || starts_with(name, "https://")) {
      rewards.push_back(http_reward(name));
    } else if (is_implicit(name)) {
      rewards.push_back(make_implicit_reward(name, compute));
    } else {
      rewards.push_back(reward::make_rule(name, keys.command_timeout));
    }
  }
  out.reward = reward::make_weighted(std::move(rewards), weights);
  return out;
}

}  // namespace una::setup
