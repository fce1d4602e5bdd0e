#include "una/setup/peer_keys.h"

#include <set>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/setup/run_config.h"

namespace una::setup {
namespace {

bool passes(const std::string& line) {
  const Settings settings = parse_yaml_settings(line, "run.yaml");
  const auto& [key, setting] = *settings.all().begin();
  return asks_for_nothing(key, setting);
}

TEST(PeerKeys, ValuesThatAskForNothingArePassedOver) {
  for (const char* line :
       {"gradient_checkpointing_kwargs: {use_reentrant: false}", "packing: true", "dataset_num_proc: 12",
        "neftune_noise_alpha: null", "neftune_noise_alpha: 0.0", "logging_strategy: steps", "fp16: False",
        "push_to_hub: false", "hub_model_id: me/mine", "accelerator_config: {split_batches: false}",
        "model_init_kwargs: {}", "truncation_mode: null", "finetuning_type: lora", "fsdp: []"}) {
    EXPECT_TRUE(passes(line)) << line;
  }
}

TEST(PeerKeys, ValuesThatAskForSomethingAreNot) {
  for (const char* line :
       {"neftune_noise_alpha: 5", "logging_strategy: epoch", "fp16: true", "push_to_hub: true",
        "model_init_kwargs: {torch_dtype: bfloat16}", "truncation_mode: keep_end", "finetuning_type: full",
        "assistant_only_loss: true", "deepspeed: ds.json", "no_such_key: null"}) {
    EXPECT_FALSE(passes(line)) << line;
  }
}

std::set<std::string> training_keys() {
  std::set<std::string> known = {"method", "config"};
  for (const OptionHelp& option : describe_options(RunConfig())) { known.insert(option.name); }
  return known;
}

// Our own key of the same name would never be seen as the other program's; for a command that does not have it, it may
// have a translation.
TEST(PeerKeys, NoneIsAKeyOfOurs) {
  const std::set<std::string> known = training_keys();
  for (const std::string& name : known) {
    EXPECT_FALSE(asks_for_nothing(name, {.text = "true"})) << name;
    const auto found = foreign_names().find(name);
    if (found != foreign_names().end()) { EXPECT_EQ(known.count(found->second), 0U) << name; }
  }
}

TEST(PeerKeys, AHintIsANameThatTheCommandHas) {
  const auto hint = [](const std::string& key, const std::string& has) -> std::string {
    try {
      check_known(parse_yaml_settings(key + ": 2", "c.yaml"), {{.name = has}}, foreign_names());
    } catch (const InputError& error) { return error.what(); }
    return "";
  };
  EXPECT_EQ(hint("max_tokens", "max_new_tokens"),
            "c.yaml:1: max_tokens: unknown option; here it is called max_new_tokens");
  EXPECT_EQ(hint("max_tokens", "max_completion_length"),
            "c.yaml:1: max_tokens: unknown option; here it is called max_completion_length");
  EXPECT_EQ(hint("num_generations", "num_samples"),
            "c.yaml:1: num_generations: unknown option; here it is called num_samples");
  EXPECT_EQ(hint("num_samples", "beta"), "c.yaml:1: num_samples: unknown option");
}

// The translation's first word is a key, so that a person can type it.
TEST(PeerKeys, NamesHereExist) {
  const std::set<std::string> known = training_keys();
  for (const auto& [name, here] : foreign_names()) {
    if (here.rfind("nothing", 0) == 0 || known.count(name) > 0) { continue; }
    EXPECT_EQ(known.count(here.substr(0, here.find_first_of(" ,:|"))), 1U) << name << ": " << here;
  }
}

std::string translated(const std::string& yaml) {
  Settings settings = parse_yaml_settings(yaml, "run.yaml");
  translate_peer_values(settings);
  std::string out;
  for (const auto& [key, setting] : settings.all()) { out += key + "=" + setting.text + " "; }
  return out;
}

TEST(PeerKeys, NullAndMinusOneOfTransformersHaveAMeaning) {
  EXPECT_EQ(translated("max_steps: -1"), "");
  EXPECT_EQ(translated("max_steps: -2"), "max_steps=-2 ");
  EXPECT_EQ(translated("save_total_limit: null\neval_steps: null\nmax_prompt_length: null"),
            "max_prompt_length=0 save_total_limit=0 ");
  EXPECT_EQ(translated("max_length: null"), "max_length=null ");
}

TEST(PeerKeys, WarmupStepsBelowOneAreAShare) {
  EXPECT_EQ(translated("warmup_steps: 0.1"), "warmup_ratio=0.1 ");
  EXPECT_EQ(translated("warmup_steps: 0.1\nwarmup_ratio: 0.2"), "warmup_ratio=0.2 ");
  EXPECT_EQ(translated("warmup_steps: 10"), "warmup_steps=10 ");
}

TEST(PeerKeys, ValuesOfOlderNamesMoveToOurs) {
  EXPECT_EQ(translated("activation_checkpointing: true"), "gradient_checkpointing=true ");
  EXPECT_EQ(translated("activation_checkpointing: true\ngradient_checkpointing: false"),
            "gradient_checkpointing=false ");
  EXPECT_EQ(translated("use_cpu: true"), "device=cpu ");
  EXPECT_EQ(translated("use_cpu: false"), "use_cpu=false ");  // passed over
  EXPECT_EQ(translated("loss_type: [sigmoid]"), "loss_type=sigmoid ");
}

TEST(PeerKeys, TheLossOfAMethodIsItsOwn) {
  const auto left = [](const std::string& method, const std::string& loss) {
    Settings settings = parse_yaml_settings("loss_type: " + loss, "run.yaml");
    drop_own_loss(method, settings);
    return settings.has("loss_type");
  };
  EXPECT_FALSE(left("kto", "kto"));
  EXPECT_FALSE(left("sft", "nll"));
  EXPECT_TRUE(left("kto", "apo_zero_unpaired"));
  EXPECT_TRUE(left("sft", "dft"));
  EXPECT_TRUE(left("dpo", "kto"));
}

}  // namespace
}  // namespace una::setup
