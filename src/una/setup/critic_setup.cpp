#include "una/setup/critic_setup.h"

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/base/log.h"
#include "una/base/rng.h"
#include "una/setup/reward_setup.h"
#include "una/weights/peft_adapter.h"

namespace una::setup {
namespace {

std::uint64_t critic_seed(const RunConfig& config) {
  return random_bits(static_cast<std::uint64_t>(config.train.seed), stream_id("critic"), 0);
}

std::unique_ptr<model::Model> load_critic_model(const ModelFolder& folder, const ModelSetup& policy,
                                                const RunConfig& config) {
  return std::make_unique<model::Model>(folder.spec, folder.weights,
                                        model::LoadOptions{.dtype = policy.model->dtype(),
                                                           .train_full = !config.model.use_peft,
                                                           .train_router = config.model.train_router,
                                                           .device = policy.model->device(),
                                                           .quantise = policy.model->quantisation()},
                                        folder.path);
}

// The ids of all tokens in tokenizer.json.
Json vocabulary(const std::string& folder) {
  const std::string path = folder + "/tokenizer.json";
  check_input(is_file(path), path, ": missing; a critic's tokenizer is compared with the policy's");
  const Json json = parse_json(read_file(path), path);
  Json out{{"vocab", json.value("/model/vocab"_json_pointer, Json())}, {"added", Json::object()}};
  for (const Json& token : json.value("added_tokens", Json::array())) {
    out["added"][token.value("content", "")] = token.value("id", -1);
  }
  return out;
}

void check_same_tokenizer(const std::string& policy, const std::string& critic) {
  const std::string name = "/tokenizer.json";
  if (is_file(policy + name) && is_file(critic + name) &&
      read_file(policy + name) == read_file(critic + name)) {
    return;
  }
  check_input(vocabulary(policy) == vocabulary(critic), "critic_from: the tokenizer of ", critic,
              " is not the policy's (", policy,
              "), and a critic reads the policy's token ids; leave critic_from out");
}

// A critic that was a reward model. Its head goes on from where it is.
void start_from_reward_model(ModelSetup& setup, const RunConfig& config) {
  const std::string& from = config.online.critic_from;
  check_input(is_folder(from), "critic_from: there is no folder '", from, "'");
  const ModelPlace place = model_place(from);
  const ModelFolder folder = read_model_folder(place.folder);
  check_input(!place.adapter.empty() || folder.spec.is_reward_model(), "critic_from: ", from,
              " is neither a reward model nor a SEQ_CLS adapter (", folder.spec.architecture, ")");
  check_same_tokenizer(setup.folder.path, place.folder);
  if (config.online.critic == "model") {
    check_input(place.adapter.empty() || config.model.use_peft, "critic_from: ", from,
                " is an adapter; with use_peft false merge it first (una merge)");
    setup.critic_model = load_critic_model(folder, setup, config);
  } else {
    check_input(!place.adapter.empty() && folder.content_hash == setup.folder.content_hash,
                "critic_from: ", from, " is not an adapter on the policy's own model; give --critic model");
  }
  setup.critic_hash = folder.content_hash;
  model::Model& model = setup.critic_model != nullptr ? *setup.critic_model : *setup.model;
  if (!place.adapter.empty()) {
    const weights::StateDict state = weights::read_adapter_weights(place.adapter);
    const LoraSpec spec = weights::read_adapter_config(place.adapter);
    setup.critic_hash += adapter_hash(spec, state);
    setup.critic = model.load_adapter(spec, state, true, place.adapter);
    check_input(model.has_reward_head(), "critic_from: ", from, " has no reward head");
  } else if (config.model.use_peft) {
    setup.critic = model.add_adapter(fresh_lora(config.model, true), critic_seed(config), true);
  } else {
    model.add_reward_head(critic_seed(config));
  }
}

}  // namespace

void add_critic(ModelSetup& setup, const RunConfig& config) {
  const bool own = config.online.critic == "model";
  if (!config.online.critic_from.empty()) {
    start_from_reward_model(setup, config);
  } else if (!own) {
    setup.critic = setup.model->add_adapter(fresh_lora(config.model, true), critic_seed(config), true);
  } else {
    setup.critic_model = load_critic_model(setup.folder, setup, config);
    if (config.model.use_peft) {
      setup.critic =
          setup.critic_model->add_adapter(fresh_lora(config.model, true), critic_seed(config), true);
    } else {
      setup.critic_model->add_reward_head(critic_seed(config));
    }
  }
  log_info(
      cat("critic     ",
          !own                    ? "a second adapter on the policy's model"
          : config.model.use_peft ? "an adapter on a model of its own"
                                  : "a model of its own, all of it",
          ", from ",
          config.online.critic_from.empty() ? std::string("the policy's start") : config.online.critic_from));
}

}  // namespace una::setup
