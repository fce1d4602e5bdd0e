#include "una/gguf/gguf_architecture.h"

#include <optional>

#include <gtest/gtest.h>

#include "una/gguf/gguf_model.h"
#include "una/weights/config_testing.h"

namespace una::gguf {
namespace {

using weights::error_of;
using weights::parse;

// Members that every family accepts as they are.
constexpr const char* kGemmaSizes = R"({"head_dim": 8, "query_pre_attn_scalar": 8})";

std::string problem(const ModelSpec& spec) {
  return error_of([&] { gguf_architecture(spec, "here"); });
}

std::string name_of(const std::string& family, const std::string& changes = "{}") {
  return std::string(gguf_architecture(parse(family, changes), "here").name);
}

template <class T>
std::optional<T> value_of(const ModelSpec& spec, const std::string& key) {
  for (const auto& [name, value] : gguf_model(spec, {}, GgmlType::kF32, "m").metadata) {
    if (name == key) { return std::get<T>(value); }
  }
  return std::nullopt;
}

#define EXPECT_PART(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST(GgufArchitecture, NamesAreLlamaCpps) {
  for (const char* same : {"llama", "qwen2", "qwen3", "gemma", "olmo2", "phi3", "smollm3", "granite",
                           "ernie4_5", "cohere2", "starcoder2", "stablelm"}) {
    EXPECT_EQ(name_of(same), same);
  }
  EXPECT_EQ(name_of("gemma2", kGemmaSizes), "gemma2");
  EXPECT_EQ(name_of("gemma3_text", kGemmaSizes), "gemma3");
  EXPECT_EQ(name_of("mistral"), "llama");
  EXPECT_EQ(name_of("ministral"), "llama");
  EXPECT_EQ(name_of("olmo3"), "olmo2");
  EXPECT_EQ(name_of("seed_oss", R"({"head_dim": 8})"), "seed_oss");
  EXPECT_EQ(name_of("hunyuan_v1_dense"), "hunyuan-dense");
  EXPECT_EQ(name_of("glm4", R"({"vocab_size": 160000})"), "glm4");
  EXPECT_EQ(name_of("exaone4", R"({"sliding_window": null})"), "exaone4");
  EXPECT_EQ(name_of("gpt_neox"), "gptneox");
}

TEST(GgufArchitecture, BiasesThatTheGraphDoesNotReadAreRefused) {
  const std::string biased = R"({"attention_bias": true})";
  EXPECT_EQ(problem(parse("llama", biased)), "no error");
  EXPECT_PART(problem(parse("qwen3", biased)), "llama.cpp's qwen3 has no bias on o_proj");
  EXPECT_PART(problem(parse("smollm3", biased)), "no bias on o_proj");
  EXPECT_PART(problem(parse("ernie4_5", R"({"use_bias": true})")), "no biases in the MLP");
  EXPECT_PART(problem(parse("gpt_neox", R"({"attention_bias": false})")),
              "gptneox has biases on attention's projections");
  EXPECT_EQ(name_of("gpt_oss"), "gpt-oss");
  EXPECT_PART(problem(parse("gpt_oss", R"({"swiglu_limit": 5})")), "this model has 1.702 and 5");
  EXPECT_PART(
      problem(parse("gpt_oss", R"({"layer_types": ["full_attention", "sliding_attention", "full_attention",
      "full_attention"]})")),
      "(layer 0)");
  EXPECT_PART(problem(parse("starcoder2", R"({"use_bias": false})")),
              "llama.cpp's starcoder2 has all biases");
}

TEST(GgufArchitecture, WhatTheGraphFixesMustBeSo) {
  EXPECT_PART(problem(parse("gemma", R"({"tie_word_embeddings": false})")), "uses the embedding as its head");
  EXPECT_PART(problem(parse("gemma2", R"({"head_dim": 8, "query_pre_attn_scalar": 9})")), "by 1 / sqrt(8)");
  EXPECT_PART(
      problem(
          parse("gemma2", R"({"head_dim": 8, "query_pre_attn_scalar": 8, "final_logit_softcapping": null})")),
      "always caps scores and logits");
  const std::string deep = R"({"head_dim": 16, "query_pre_attn_scalar": 8, "num_hidden_layers": )";
  EXPECT_EQ(problem(parse("gemma2", deep + "46}")), "no error")
      << "the 27B model divides by the hidden size's share";
  EXPECT_EQ(problem(parse("gemma3_text", deep + "62}")), "no error");
  EXPECT_PART(problem(parse("gemma3_text", deep + "46}")), "by 1 / sqrt(16)");
  EXPECT_PART(problem(parse("smollm3", R"({"no_rope_layer_interval": 2})")), "(layer 1)");
  EXPECT_PART(problem(parse("exaone4")), "this model has 4 layers with windows");
  EXPECT_EQ(problem(parse("exaone4", R"({"num_hidden_layers": 64})")), "no error");
  EXPECT_PART(problem(parse("exaone4", R"({"num_hidden_layers": 64, "sliding_window": null})")),
              "without windows");
  EXPECT_PART(problem(parse("olmo2", R"({"head_dim": 16})")), "do not make 64");
}

TEST(GgufArchitecture, MixturesHaveTheRouterOfTheGraph) {
  EXPECT_EQ(name_of("mixtral"), "llama");
  EXPECT_EQ(name_of("granitemoe"), "granitemoe");
  EXPECT_EQ(name_of("qwen3_moe", R"({"norm_topk_prob": true})"), "qwen3moe");
  EXPECT_PART(problem(parse("qwen3_moe", R"({"norm_topk_prob": false})")), "divides the probabilities");
  EXPECT_PART(problem(parse("qwen3_moe", R"({"norm_topk_prob": true, "mlp_only_layers": [1]})")),
              "some layers of this model are dense");
  EXPECT_EQ(name_of("olmoe", R"({"num_key_value_heads": 8})"), "olmoe");
  EXPECT_PART(problem(parse("olmoe", R"({"num_key_value_heads": 8, "norm_topk_prob": true})")),
              "as they are");
  EXPECT_PART(problem(parse("olmoe")), "as many key-value heads as heads");
}

TEST(GgufArchitecture, SlidingLayersOfOlmo3TurnUnscaled) {
  ModelSpec spec = parse("olmo3", R"({"rope_theta": 500000})");
  EXPECT_EQ(problem(spec), "no error");
  spec.local_rope.theta = 7;
  EXPECT_PART(problem(spec), "another rope there");
}

TEST(GgufArchitecture, FactorsOfGraniteAndCohereAreKeys) {
  const ModelSpec granite = parse("granite", R"({"attention_multiplier": 0.5, "embedding_multiplier": 12,
      "residual_multiplier": 0.25, "logits_scaling": 8})");
  EXPECT_EQ(value_of<float>(granite, "granite.attention.scale"), 0.5F);
  EXPECT_EQ(value_of<float>(granite, "granite.embedding_scale"), 12.0F);
  EXPECT_EQ(value_of<float>(granite, "granite.residual_scale"), 0.25F);
  EXPECT_EQ(value_of<float>(granite, "granite.logit_scale"), 8.0F) << "llama.cpp divides by it";
  const ModelSpec cohere = parse("cohere2", R"({"logit_scale": 0.25, "layer_norm_eps": 0.5})");
  EXPECT_EQ(value_of<float>(cohere, "cohere2.logit_scale"), 0.25F) << "and multiplies by this";
  EXPECT_EQ(value_of<float>(cohere, "cohere2.attention.layer_norm_epsilon"), 0.5F);
  EXPECT_FALSE(value_of<float>(cohere, "cohere2.attention.layer_norm_rms_epsilon").has_value());
}

TEST(GgufArchitecture, QueriesOfMinistral3GrowByKeys) {
  const std::string rope = R"("llama_4_scaling_beta": 0.25, "original_max_position_embeddings": 64)";
  const ModelSpec plain =
      parse("ministral3", R"({"rope_parameters": {"rope_type": "default", )" + rope + "}}");
  EXPECT_EQ(gguf_architecture(plain, "here").name, "mistral3");
  EXPECT_EQ(value_of<float>(plain, "mistral3.attention.temperature_scale"), 0.25F);
  EXPECT_EQ(value_of<std::uint32_t>(plain, "mistral3.rope.scaling.original_context_length"), 64U);
  const ModelSpec yarn = parse("ministral3", R"({"rope_parameters": {"rope_type": "yarn", "factor": 4,
      "mscale": 1, "mscale_all_dim": 1, )" + rope +
                                                 "}}");
  EXPECT_EQ(value_of<std::uint32_t>(yarn, "mistral3.rope.scaling.original_context_length"), 64U);
  EXPECT_NEAR(value_of<float>(yarn, "mistral3.rope.scaling.attn_factor").value_or(0), 0.878249, 1e-6)
      << "1 over the factor that llama.cpp applies itself";
}

TEST(GgufArchitecture, ConvolutionsHaveNoKeyValueHeads) {
  const std::string layers = R"("layer_types": ["conv", "full_attention", "conv", "conv"])";
  const ModelSpec spec = parse("lfm2", "{" + layers + R"(, "conv_L_cache": 4})");
  EXPECT_EQ(gguf_architecture(spec, "here").name, "lfm2");
  EXPECT_EQ(value_of<std::uint32_t>(spec, "lfm2.shortconv.l_cache"), 4U);
  EXPECT_EQ(value_of<std::vector<std::int32_t>>(spec, "lfm2.attention.head_count_kv"),
            (std::vector<std::int32_t>{0, 4, 0, 0}));
  EXPECT_EQ(value_of<std::uint32_t>(spec, "lfm2.feed_forward_length"), 256U) << "the size that is used";
  EXPECT_PART(problem(parse("lfm2", R"({"conv_bias": true})")), "have no biases");
  EXPECT_PART(problem(parse("lfm2", R"({"conv_L_cache": 1})")), "see two tokens or more");
}

TEST(GgufArchitecture, GatedDeltaRulesHaveKeysOfTheirOwn) {
  const std::string sizes =
      R"("linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 8,
      "linear_value_head_dim": 8, "full_attention_interval": 2)";
  const ModelSpec spec = parse("qwen3_5_text", "{" + sizes + "}");
  EXPECT_EQ(gguf_architecture(spec, "here").name, "qwen35");
  const auto number = [&](const std::string& key) { return value_of<std::uint32_t>(spec, "qwen35." + key); };
  EXPECT_EQ(number("ssm.conv_kernel"), 4U);
  EXPECT_EQ(number("ssm.state_size"), 8U);
  EXPECT_EQ(number("ssm.group_count"), 2U);
  EXPECT_EQ(number("ssm.time_step_rank"), 4U);
  EXPECT_EQ(number("ssm.inner_size"), 32U);
  EXPECT_EQ(number("full_attention_interval"), 2U);
  EXPECT_EQ(number("attention.head_count_kv"), 4U);
  EXPECT_EQ(number("rope.dimension_count"), 64U) << "a quarter of 256";
  const auto refusal = [&](const std::string& more) {
    return problem(parse("qwen3_5_text", "{" + sizes + more + "}"));
  };
  EXPECT_EQ(refusal(""), "no error");
  EXPECT_PART(refusal(R"(, "linear_value_head_dim": 16)"), "keys and values of one size");
  EXPECT_PART(refusal(R"(, "attention_bias": true)"), "bias");
  EXPECT_PART(refusal(R"(, "linear_conv_kernel_dim": 1)"), "see two tokens or more");
  EXPECT_PART(
      refusal(
          R"(, "layer_types": ["full_attention", "linear_attention", "linear_attention", "full_attention"])"),
      "attention in every n-th layer");
}

TEST(GgufArchitecture, APartOfEachHeadMayTurn) {
  const ModelSpec spec = parse("stablelm", R"({"partial_rotary_factor": 0.25})");
  EXPECT_EQ(value_of<std::uint32_t>(spec, "stablelm.rope.dimension_count"), 2U);
  EXPECT_EQ(value_of<bool>(spec, "stablelm.use_parallel_residual"), false);
}

}  // namespace
}  // namespace una::gguf
