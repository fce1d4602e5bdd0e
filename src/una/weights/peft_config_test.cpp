#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/json.h"
#include "una/base/rng.h"
#include "una/base/testing.h"
#include "una/weights/peft_adapter.h"
#include "una/weights/testing.h"

namespace una::weights {
namespace {

using Names = std::vector<std::string>;

// What PEFT 0.21.2 writes for LoraConfig(r=8, lora_alpha=16, target_modules=["q_proj", "v_proj"]).
constexpr const char* kPeft = R"({
  "alora_invocation_tokens": null, "alpha_pattern": {}, "arrow_config": null, "auto_mapping": null,
  "base_model_name_or_path": "base", "bias": "none", "corda_config": null, "ensure_weight_tying": false,
  "eva_config": null, "exclude_modules": null, "fan_in_fan_out": false, "inference_mode": true,
  "init_lora_weights": true, "kasa_config": null, "layer_replication": null, "layers_pattern": null,
  "layers_to_transform": null, "loftq_config": {}, "lora_alpha": 16, "lora_bias": false, "lora_dropout": 0.0,
  "lora_ga_config": null, "megatron_config": null, "megatron_core": "megatron.core", "modules_to_save": null,
  "monteclora_config": null, "peft_type": "LORA", "peft_version": "0.21.2", "qalora_group_size": 16, "r": 8,
  "rank_pattern": {}, "revision": null, "target_modules": ["v_proj", "q_proj"], "target_parameters": null,
  "task_type": "CAUSAL_LM", "trainable_token_indices": null, "use_bdlora": null, "use_dora": false,
  "use_qalora": false, "use_rslora": false, "velora_config": null})";

// Writes PEFT's configuration with `changes` put over it ("-key" removes) and reads it.
LoraSpec read(const std::string& changes) {
  Json config = Json::parse(kPeft);
  const Json members = Json::parse(changes);
  for (const auto& [key, value] : members.items()) {
    if (key.front() == '-') {
      config.erase(key.substr(1));
    } else {
      config[key] = value;
    }
  }
  return parse_adapter_config(config.dump(), "adapter_config.json");
}

TEST(PeftConfig, ReadsWhatPeftWrites) {
  const LoraSpec spec = read("{}");
  EXPECT_EQ(spec.r, 8);
  EXPECT_EQ(spec.alpha, 16);
  EXPECT_EQ(spec.dropout, 0);
  EXPECT_FALSE(spec.use_rslora);
  EXPECT_EQ(spec.target_modules, (Names{"q_proj", "v_proj"}));
  EXPECT_FALSE(spec.targets_are_regex);
  EXPECT_TRUE(spec.modules_to_save.empty());
  EXPECT_EQ(spec.task_type, "CAUSAL_LM");
  EXPECT_EQ(spec.base_model_name_or_path, "base");
}

TEST(PeftConfig, AnOldFileMayLackNearlyEverything) {
  const std::string folder = test_folder("peft-old");
  write_file(folder + "/adapter_config.json", R"({"peft_type":"LORA","target_modules":["q_proj"]})");
  const LoraSpec spec = read_adapter_config(folder);
  EXPECT_EQ(spec.r, 8);
  EXPECT_EQ(spec.alpha, 8);
  EXPECT_EQ(spec.dropout, 0);
  EXPECT_EQ(spec.task_type, "CAUSAL_LM");
  EXPECT_EQ(spec.base_model_name_or_path, "");
}

TEST(PeftConfig, ReadsEveryFormOfTargetModules) {
  EXPECT_EQ(read(R"({"target_modules":null})").target_modules, (Names{"q_proj", "v_proj"}));
  EXPECT_EQ(read(R"({"-target_modules":0})").target_modules, (Names{"q_proj", "v_proj"}));
  EXPECT_EQ(read(R"({"target_modules":["b.c","a","a"]})").target_modules, (Names{"a", "b.c"}));
  const LoraSpec pattern = read(R"({"target_modules":".*\\.q_proj"})");
  EXPECT_EQ(pattern.target_modules, Names{R"(.*\.q_proj)"});
  EXPECT_TRUE(pattern.targets_are_regex);
  for (const char* all : {R"({"target_modules":"all-linear"})", R"({"target_modules":"ALL-linear"})"}) {
    const LoraSpec spec = read(all);
    EXPECT_EQ(spec.target_modules, Names{"all-linear"});
    EXPECT_FALSE(spec.targets_are_regex);
    EXPECT_EQ(Json::parse(print_adapter_config(spec))["target_modules"], "all-linear");
  }
  EXPECT_THROW(read(R"({"target_modules":[]})"), InputError);
  EXPECT_THROW(read(R"({"target_modules":""})"), InputError);
  EXPECT_THROW(read(R"({"target_modules":[""]})"), InputError);
  EXPECT_THROW(read(R"({"target_modules":[1]})"), InputError);
}

TEST(PeftConfig, ReadsWhichLayersAreAdapted) {
  const LoraSpec spec = read(R"({"layers_to_transform":[0,12],"layers_pattern":"layers"})");
  EXPECT_EQ(spec.layers_to_transform, (std::vector<std::int64_t>{0, 12}));
  EXPECT_EQ(spec.layers_pattern, Names{"layers"});
  EXPECT_EQ(spec.target_modules, (Names{"q_proj", "v_proj"}));
  EXPECT_EQ(read(R"({"layers_to_transform":3})").layers_to_transform, std::vector<std::int64_t>{3});
  EXPECT_EQ(read(R"({"layers_to_transform":[1],"layers_pattern":["h","layers"]})").layers_pattern,
            (Names{"h", "layers"}));
  EXPECT_TRUE(read(R"({"layers_to_transform":[],"layers_pattern":[]})").layers_to_transform.empty());
  EXPECT_THROW(read(R"({"layers_to_transform":[-1]})"), InputError);
  EXPECT_THROW(read(R"({"layers_to_transform":[0],"target_modules":".*"})"), InputError);
  EXPECT_THROW(read(R"({"layers_to_transform":[0],"target_modules":"all-linear"})"), InputError);
  EXPECT_THROW(read(R"({"layers_pattern":"layers"})"), InputError);
}

TEST(PeftConfig, ReadsDoraAndTheBiasesThatTrain) {
  EXPECT_TRUE(read(R"({"use_dora":true})").use_dora);
  EXPECT_FALSE(read("{}").use_dora);
  EXPECT_EQ(read("{}").bias, "none");
  EXPECT_EQ(read(R"({"bias":"lora_only"})").bias, "lora_only");
  EXPECT_EQ(read(R"({"bias":"all"})").bias, "all");
}

TEST(PeftConfig, AClassifierSavesItsScore) {
  EXPECT_EQ(read(R"({"task_type":"SEQ_CLS","modules_to_save":["classifier","score"]})").modules_to_save,
            Names{"score"});
  EXPECT_EQ(read(R"({"task_type":"SEQ_CLS"})").modules_to_save, Names{"score"});
  EXPECT_EQ(read(R"({"task_type":null,"modules_to_save":["score"]})").task_type, "SEQ_CLS");
  EXPECT_EQ(read(R"({"modules_to_save":["lm_head","embed_tokens"]})").modules_to_save,
            (Names{"embed_tokens", "lm_head"}));
}

TEST(PeftConfig, ReadsPatternsAndScales) {
  const LoraSpec spec = read(R"({"rank_pattern":{"v_proj":4,"layers.0.self_attn.q_proj":2},
                             "alpha_pattern":{"v_proj":32,"q_proj":0.5},"use_rslora":true,"lora_dropout":0.05})");
  // In the file's order: the first match wins.
  EXPECT_EQ(spec.rank_pattern, (std::vector<std::pair<std::string, std::int64_t>>{
                                   {"v_proj", 4}, {"layers.0.self_attn.q_proj", 2}}));
  EXPECT_EQ(spec.alpha_pattern,
            (std::vector<std::pair<std::string, double>>{{"v_proj", 32}, {"q_proj", 0.5}}));
  EXPECT_TRUE(spec.use_rslora);
  EXPECT_EQ(spec.dropout, 0.05);
  EXPECT_THROW(read(R"({"rank_pattern":{"v_proj":0}})"), InputError);
  EXPECT_THROW(read(R"({"rank_pattern":{"v_proj":null}})"), InputError);
  EXPECT_THROW(read(R"({"alpha_pattern":[1]})"), InputError);
  EXPECT_THROW(read(R"({"r":0})"), InputError);
  EXPECT_THROW(read(R"({"r":8.0})"), InputError);
  EXPECT_THROW(read(R"({"lora_dropout":1.0})"), InputError);
  EXPECT_THROW(read(R"({"lora_dropout":-0.1})"), InputError);
}

TEST(PeftConfig, TargetParametersAreReadAndPrintedWithModulesOrWithout) {
  const LoraSpec both = read(R"({"target_parameters":["b.down_proj","a.gate_up_proj"]})");
  EXPECT_EQ(both.target_parameters, (std::vector<std::string>{"a.gate_up_proj", "b.down_proj"}));
  EXPECT_FALSE(both.target_modules.empty());
  for (const char* none : {"[]", "null"}) {
    const LoraSpec alone =
        read(std::string(R"({"target_parameters":["experts.down_proj"],"target_modules":)") + none + "}");
    EXPECT_TRUE(alone.target_modules.empty()) << none;
    const LoraSpec back = parse_adapter_config(print_adapter_config(alone), "printed");
    EXPECT_EQ(back.target_parameters, alone.target_parameters);
    EXPECT_TRUE(back.target_modules.empty());
  }
  EXPECT_EQ(print_adapter_config(read("{}")).find("target_parameters"), std::string::npos);
}

TEST(PeftConfig, RefusesByNameWhatItDoesNotImplement) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"peft_type":"LOHA"})", "LOHA"},
      {R"({"-peft_type":0})", "peft_type"},
      {R"({"task_type":"SEQ_2_SEQ_LM"})", "SEQ_2_SEQ_LM"},
      {R"({"use_dora":1})", "use_dora"},
      {R"({"bias":"boft_only"})", "\"bias\": \"boft_only\""},
      {R"({"lora_bias":true})", "lora_bias"},
      {R"({"layer_replication":[[0,4],[2,5]]})", "layer_replication"},
      {R"({"target_parameters":["experts.gate_up_proj",""]})", "target_parameters"},
      {R"({"trainable_token_indices":[1]})", "trainable_token_indices"},
      {R"({"megatron_config":{"tp":2}})", "megatron_config"},
      {R"({"exclude_modules":["lm_head"]})", "exclude_modules"},
      {R"({"alora_invocation_tokens":[1,2]})", "alora_invocation_tokens"},
      {R"({"use_qalora":true})", "use_qalora"},
      {R"({"ensure_weight_tying":true})", "ensure_weight_tying"},
      {R"({"init_lora_weights":"pissa_niter_16"})", "pissa_niter_16"},
      {R"({"init_lora_weights":"loftq"})", "loftq"},
      {R"({"some_future_key":3})", "some_future_key"}};
  for (const auto& [changes, part] : cases) {
    const std::string error = error_of([&] { read(changes); });
    EXPECT_NE(error.find(part), std::string::npos) << changes << ": " << error;
    EXPECT_NE(error.find("adapter_config.json: "), std::string::npos) << error;
  }
}

TEST(PeftConfig, ToleratesUnknownKeysThatSayNothing) {
  EXPECT_NO_THROW(read(R"({"future_a":null,"future_b":false,"future_c":{},"future_d":[],"future_e":""})"));
  EXPECT_NO_THROW(read(
      R"({"init_lora_weights":"gaussian","revision":"main","peft_version":"9","auto_mapping":{"a":1}})"));
  EXPECT_NO_THROW(read(R"({"init_lora_weights":false})"));
}

TEST(PeftConfig, RandomDamageIsReadOrRefusedNeverWorse) {
  const std::vector<std::string> words = {
      "null", "true",  "[]",   "{}",        "\"\"", "-1", "1e999", "18446744073709551615",
      "[[",   "\"x\"", "\xff", "{\"a\":1}", "[1]",  "0.5"};
  int read_count = 0, refused = 0;
  for (std::uint64_t i = 0; i < 3000; ++i) {
    Rng rng(3, stream_id("adapter damage"), i);
    std::string text = kPeft;
    for (std::uint64_t n = 1 + rng.below(3); n > 0; --n) {
      const std::size_t colon = text.find(": ", rng.below(text.size() - 40));
      if (rng.below(3) == 0 || colon == std::string::npos) {
        text[rng.below(text.size())] = static_cast<char>(rng.below(256));
      } else {  // another value for a key
        const std::size_t end = text.find_first_of(",}", colon);
        text.replace(colon + 2, end - colon - 2, words[rng.below(words.size())]);
      }
    }
    try {
      parse_adapter_config(text, "adapter_config.json");
      ++read_count;
    } catch (const InputError&) { ++refused; }
  }
  EXPECT_GT(read_count, 100);
  EXPECT_GT(refused, 1000);
}

TEST(PeftConfig, PrintsTheCoreKeySetSorted) {
  LoraSpec spec;
  spec.target_modules = {"v_proj", "q_proj"};
  spec.base_model_name_or_path = "mod\xc3\xa8le";
  spec.rank_pattern = {{"v_proj", 4}, {"q_proj", 2}};
  spec.alpha_pattern = {{"v_proj", 8}};
  spec.dropout = 0.05;
  EXPECT_EQ(print_adapter_config(spec), R"({
  "alpha_pattern": {
    "v_proj": 8
  },
  "auto_mapping": null,
  "base_model_name_or_path": "mod\u00e8le",
  "bias": "none",
  "fan_in_fan_out": false,
  "inference_mode": true,
  "init_lora_weights": true,
  "layer_replication": null,
  "layers_pattern": null,
  "layers_to_transform": null,
  "loftq_config": {},
  "lora_alpha": 32,
  "lora_dropout": 0.05,
  "megatron_config": null,
  "megatron_core": "megatron.core",
  "modules_to_save": null,
  "peft_type": "LORA",
  "r": 16,
  "rank_pattern": {
    "v_proj": 4,
    "q_proj": 2
  },
  "revision": null,
  "target_modules": [
    "q_proj",
    "v_proj"
  ],
  "task_type": "CAUSAL_LM",
  "use_dora": false,
  "use_rslora": false
})");
}

TEST(PeftConfig, WhatIsPrintedReadsBackAsTheSame) {
  LoraSpec spec;
  spec.use_dora = true;
  spec.bias = "all";
  spec.target_modules = {"q_proj"};
  spec.layers_to_transform = {2, 0};
  spec.layers_pattern = {"layers"};
  spec.modules_to_save = {"embed_tokens"};
  spec.rank_pattern = {{"z", 4}, {"a", 2}};
  spec.alpha_pattern = {{"z", 4}, {"a", 2.5}};
  const LoraSpec back = parse_adapter_config(print_adapter_config(spec), "printed");
  EXPECT_TRUE(back.use_dora);
  EXPECT_EQ(back.bias, "all");
  EXPECT_EQ(back.layers_to_transform, spec.layers_to_transform);
  EXPECT_EQ(back.layers_pattern, spec.layers_pattern);
  EXPECT_EQ(back.modules_to_save, spec.modules_to_save);
  EXPECT_EQ(back.rank_pattern, spec.rank_pattern);
  EXPECT_EQ(back.alpha_pattern, spec.alpha_pattern);
}

}  // namespace
}  // namespace una::weights
