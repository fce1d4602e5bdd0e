#include "una/weights/composite.h"

#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include "una/base/pattern.h"
#include "una/weights/config_testing.h"

namespace una::weights {
namespace {

// A composite's config.json around a small text decoder; `outer` are further members.
ModelSpec composite(const std::string& model_type, const std::string& text_type,
                    const std::string& outer = "{}", const std::string& text = "{}") {
  Json root = Json::parse(outer);
  root["model_type"] = model_type;
  root["vision_config"] = {{"hidden_size", 16}};
  root["text_config"] = Json::parse(config(text_type, text));
  return parse_model_spec(root.dump(), "config.json");
}

TEST(Composite, TheSpecIsOfTheTextDecoder) {
  const ModelSpec spec =
      composite("gemma3", "gemma3_text", R"({"eos_token_id": [1, 7], "dtype": "bfloat16"})");
  EXPECT_EQ(spec.model_type, "gemma3_text");
  EXPECT_EQ(spec.architecture, "Gemma3ForConditionalGeneration");
  EXPECT_EQ(spec.hidden_size, 64);
  EXPECT_EQ(spec.eos_ids, (std::vector<std::int32_t>{1, 7})) << "tokens are the whole model's";
  EXPECT_EQ(spec.torch_dtype, "bfloat16");
  EXPECT_EQ(composite("mistral3", "ministral3").model_type, "ministral3");
  EXPECT_EQ(composite_of(parse("gemma3_text")), nullptr);
}

// google/gemma-3-4b-it leaves out what transformers' Gemma3TextConfig assumes.
TEST(Composite, SizesThatTransformersAssumesMayBeAbsent) {
  const ModelSpec spec = parse_model_spec(
      R"({"model_type": "gemma3", "vision_config": {}, "text_config": {"hidden_size": 2560,
          "intermediate_size": 10240, "model_type": "gemma3_text", "num_hidden_layers": 34,
          "rope_scaling": {"factor": 8.0, "rope_type": "linear"}, "sliding_window": 1024}})",
      "config.json");
  EXPECT_EQ(spec.vocab_size, 262208);
  EXPECT_EQ(spec.num_heads, 8);
  EXPECT_EQ(spec.num_layers, 34);
  EXPECT_TRUE(spec.tie_word_embeddings);
  EXPECT_EQ(find_family(spec).names.layer_prefix(3), "model.language_model.layers.3.");
}

TEST(Composite, TheOuterKeySaysWhetherTheHeadIsTied) {
  EXPECT_FALSE(composite("mistral3", "mistral").tie_word_embeddings);
  EXPECT_TRUE(composite("mistral3", "mistral", "{}", R"({"tie_word_embeddings": true})").tie_word_embeddings);
  EXPECT_FALSE(composite("mistral3", "mistral", R"({"tie_word_embeddings": false})",
                         R"({"tie_word_embeddings": true})")
                   .tie_word_embeddings);
}

TEST(Composite, WhatIsMissingOrUnknownIsNamed) {
  const auto refused = [](const std::string& json) {
    return error_of([&] { parse_model_spec(json, "config.json"); });
  };
  EXPECT_NE(refused(R"({"model_type": "gemma3"})").find("needs \"text_config\""), std::string::npos);
  EXPECT_NE(refused(R"({"model_type": "llava", "text_config": {"model_type": "opt"}})").find("\"opt\""),
            std::string::npos);
  EXPECT_NE(refused(R"({"model_type": "idefics3"})").find("of composite models the text part of gemma3, "),
            std::string::npos);
  EXPECT_NE(refused(R"({"model_type": "gemma3", "text_config": {},
                        "quantization_config": {"quant_method": "awq"}})")
                .find("quantised (awq)"),
            std::string::npos);
  EXPECT_NE(refused(R"({"model_type": "gemma3", "architectures": ["Gemma3ForSequenceClassification"],
                        "text_config": {}})")
                .find("Gemma3ForSequenceClassification"),
            std::string::npos);
}

StateDict files_of(const std::string& model, const std::string& head) {
  StateDict files;
  files.add(model + "embed_tokens.weight", at::ones({3}));
  files.add(model + "layers.0.mlp.up_proj.weight", at::ones({4}));
  files.add(head + "weight", at::ones({5}));
  files.add("vision_tower.layers.0.mlp.up_proj.weight", at::full({2}, 7.0));
  files.add("vision_tower.embeddings.position_ids", at::full({2}, 7, at::kLong));
  return files;
}

TEST(Composite, FilesOfBothFormsAreTheSameParametersAndGoBackAsTheyWere) {
  const ModelSpec spec = composite("llava", "llama");
  const std::vector<std::string> wanted = {"lm_head.weight", "model.language_model.embed_tokens.weight",
                                           "model.language_model.layers.0.mlp.up_proj.weight"};
  for (const StateDict& files : {files_of("language_model.model.", "language_model.lm_head."),
                                 files_of("model.language_model.", "lm_head.")}) {
    const StateDict ours = text_tensors(spec, files);
    EXPECT_EQ(ours.names(), wanted);
    StateDict back;
    for (const auto& [name, tensor] :
         with_other_tensors(spec, files, NamedTensors(ours.all().begin(), ours.all().end()))) {
      back.add(name, tensor);
    }
    EXPECT_EQ(back.names(), files.names());
    EXPECT_EQ(back.content_hash(), files.content_hash());
  }
}

TEST(Composite, QuantisedTensorsBesideTheDecoderAreNotWritten) {
  StateDict files = files_of("model.language_model.", "lm_head.");
  files.add("vision_tower.codes", at::ones({2}, at::kByte));
  EXPECT_NE(error_of([&] {
              with_other_tensors(composite("llava", "llama"), files, {});
            }).find("vision_tower.codes"),
            std::string::npos);
}

TEST(Composite, PeftIsToldToAdaptTheDecoderAlone) {
  const ModelSpec spec = composite("gemma3", "gemma3_text");
  const auto adapts = [](const LoraSpec& lora, const std::string& module) {
    return Pattern::whole(lora.target_modules.at(0), "target_modules").found_in(module);
  };
  const LoraSpec all = decoder_targets(spec, {.target_modules = {"q_proj", "1.mlp.up_proj"}});
  EXPECT_TRUE(all.targets_are_regex);
  EXPECT_TRUE(adapts(all, "model.language_model.layers.0.self_attn.q_proj"));
  EXPECT_TRUE(adapts(all, "model.language_model.layers.1.mlp.up_proj"));
  EXPECT_FALSE(adapts(all, "model.language_model.layers.0.mlp.up_proj"));
  EXPECT_FALSE(adapts(all, "model.language_model.layers.0.self_attn.eq_proj"));
  EXPECT_FALSE(adapts(all, "model.vision_tower.layers.0.self_attn.q_proj"));
  const LoraSpec some = decoder_targets(spec, {.target_modules = {"q_proj"}, .layers_to_transform = {1, 2}});
  EXPECT_TRUE(some.layers_to_transform.empty()) << "PEFT refuses both";
  EXPECT_TRUE(adapts(some, "model.language_model.layers.2.self_attn.q_proj"));
  EXPECT_FALSE(adapts(some, "model.language_model.layers.0.self_attn.q_proj"));
  EXPECT_FALSE(adapts(some, "model.language_model.layers.12.self_attn.q_proj"));
  EXPECT_FALSE(decoder_targets(parse("gemma3_text"), {.target_modules = {"q_proj"}}).targets_are_regex);
}

TEST(Composite, AnAdapterOfTheDecoderAloneFits) {
  StateDict adapter;
  adapter.add("model.layers.0.self_attn.q_proj.lora_A.weight", at::ones({1}));
  adapter.add("model.language_model.layers.1.self_attn.q_proj.lora_A.weight", at::ones({1}));
  adapter.add("language_model.model.layers.2.self_attn.q_proj.lora_A.weight", at::ones({1}));
  adapter.add("lm_head.weight", at::ones({1}));
  EXPECT_EQ(adapter_tensors(composite("gemma3", "gemma3_text"), adapter).names(),
            (std::vector<std::string>{"lm_head.weight",
                                      "model.language_model.layers.0.self_attn.q_proj.lora_A.weight",
                                      "model.language_model.layers.1.self_attn.q_proj.lora_A.weight",
                                      "model.language_model.layers.2.self_attn.q_proj.lora_A.weight"}));
  EXPECT_EQ(adapter_tensors(parse("gemma3_text"), adapter).names(), adapter.names());
}

TEST(Composite, TheConfigOfAMergedModelHasOneDtype) {
  const std::string text = R"({"model_type": "llava", "dtype": "float16", "vision_config": {},
      "text_config": {"model_type": "llama", "dtype": "float16"}})";
  const Json out = Json::parse(config_with_dtype(text, "bfloat16"));
  EXPECT_EQ(out["dtype"], "bfloat16");
  EXPECT_EQ(out["text_config"]["dtype"], "bfloat16");
  EXPECT_TRUE(out.contains("vision_config"));
}

}  // namespace
}  // namespace una::weights
