#pragma once

#include <memory>
#include <string>

#include "una/reward/reward_model.h"
#include "una/reward/rules.h"
#include "una/setup/model_setup.h"
#include "una/setup/text_setup.h"

namespace una::setup {

// How a reward model reads conversations.
struct RewardKeys {
  std::string rm_bos = "template";
  std::int64_t max_tokens_per_micro_batch = 4096;
  double command_timeout = reward::kCommandTimeout;  // seconds; a key of the commands that run rewards
  template <class V>
  void fields(V&& v) {
    v("rm_bos", rm_bos,
      "reward models: template (its BOS and no other) | double (tokenised with special tokens again, as "
      "GRM's "
      "authors do) | strip (the text's BOS taken off, the tokenizer's added, as Skywork's do)");
    v("max_tokens_per_micro_batch", max_tokens_per_micro_batch,
      "reward models: token budget of one forward pass");
  }
};

// A reward model with all that it reads conversations by: for score and online methods.
struct RewardSetup {
  ModelSetup model;
  TextSetup text;
  std::unique_ptr<reward::RewardModel> reward;
};

// The folders of a model: a model folder, or the base that an adapter folder names and the adapter.
struct ModelPlace {
  std::string folder, adapter;  // adapter "": none
};
ModelPlace model_place(
    std::string folder);  // a folder, or a name in the Hugging Face cache, as may be an adapter's base

// A weighted sum of rewards by name, with the models that they need.
struct Rewards {
  std::vector<std::unique_ptr<RewardSetup>> models;
  std::unique_ptr<reward::Reward> reward;
};
// The one list of names, for label and the online methods:
//   model:FOLDER        a classification model, or a SEQ_CLS adapter whose config names its base
//   judge:FILE          an LLM judge (reward/judge.h)
//   http://... https://...  a server (reward/http_reward.h); REWARD_API_KEY is its bearer token
//   implicit:... implicit_mean:...  another policy's implicit reward (setup/implicit_reward.h)
//   else                a rule or a command (reward/rules.h)
// One weight per name. InputError on an unknown name or a bad argument after the colon.
Rewards make_rewards(const std::vector<std::string>& names, const std::vector<double>& weights,
                     const RewardKeys& keys = {}, const Compute& compute = {});

// `folder` is a ...ForSequenceClassification model, or the base of the SEQ_CLS adapter in `adapter`. Its own
// tokenizer and template are used (`data`: chat_template_path, template_date, max_length). InputError when
// there is no reward head.
RewardSetup load_reward_model(const std::string& folder, const std::string& adapter, const Compute& compute,
                              const RewardKeys& keys, const rows::DataOptions& data);

// Warns when pad_token_id ends answers too: transformers pools at the last token that is not the pad id, so
// a score that was learnt with the end token as pad is read one token earlier there than here.
// `eos_id` of the tokenizer, in addition to those of config.json; -1: unknown.
void warn_of_pad(const std::string& folder, const ModelSpec& spec, std::int32_t eos_id);

// Over a model that is loaded already; all must outlive the result.
std::unique_ptr<reward::RewardModel> make_reward_model(ModelSetup& model, const TextSetup& text,
                                                       const RewardKeys& keys, const rows::DataOptions& data);

}  // namespace una::setup
