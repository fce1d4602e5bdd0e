#include "una/gguf/gguf_model.h"

#include <cmath>
#include <map>
#include <optional>

#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "una/weights/config_testing.h"

namespace una::gguf {
namespace {

using weights::error_of;
using weights::parse;

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

constexpr const char* kLayer = "model.layers.1.";

// One head of 4, two kv heads of 4: rows are numbered.
ModelSpec tiny(const std::string& family, const std::string& changes = "{}") {
  ModelSpec spec = parse(family, changes);
  spec.head_dim = 4, spec.num_heads = 4, spec.num_kv_heads = 2, spec.hidden_size = 16;
  return spec;
}

NamedTensors one_layer() {
  const std::string layer = kLayer;
  return {{"model.embed_tokens.weight", at::zeros({100, 16})},
          {layer + "input_layernorm.weight", at::zeros({16})},
          {layer + "self_attn.q_proj.weight", at::arange(16.0F).view({16, 1}).expand({16, 16})},
          {layer + "self_attn.q_proj.bias", at::arange(16.0F)},
          {layer + "self_attn.k_proj.weight", at::arange(8.0F).view({8, 1}).expand({8, 16})},
          {layer + "self_attn.v_proj.weight", at::arange(8.0F).view({8, 1}).expand({8, 16})},
          {layer + "self_attn.o_proj.weight", at::zeros({16, 16})},
          {layer + "post_attention_layernorm.weight", at::zeros({16})},
          {layer + "mlp.gate_proj.weight", at::zeros({32, 16})},
          {layer + "mlp.up_proj.weight", at::zeros({32, 16})},
          {layer + "mlp.down_proj.weight", at::zeros({16, 32})},
          {"model.norm.weight", at::zeros({16})},
          {"lm_head.weight", at::zeros({100, 16})}};
}

std::map<std::string, GgufTensor> by_name(const GgufModel& model) {
  std::map<std::string, GgufTensor> out;
  for (const GgufTensor& tensor : model.tensors) { out[tensor.name] = tensor; }
  return out;
}

// The first number of each row, in the order of the file.
std::vector<float> rows_of(const GgufTensor& tensor) {
  const at::Tensor flat = tensor.data.reshape(tensor.shape).contiguous();
  std::vector<float> out;
  for (std::int64_t i = 0; i < flat.size(0); ++i) { out.push_back(flat[i].view(-1)[0].item<float>()); }
  return out;
}

template <class T>
std::optional<T> value_of(const GgufModel& model, const std::string& key) {
  for (const auto& [name, value] : model.metadata) {
    if (name == key) { return std::get<T>(value); }
  }
  return std::nullopt;
}

std::string refusal(const ModelSpec& spec) {
  return error_of([&] { check_gguf_spec(spec, "here"); });
}

TEST(GgufModel, NamesAreLlamaCpps) {
  const auto tensors = by_name(gguf_model(tiny("llama"), one_layer(), GgmlType::kF32, "m"));
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors) { names.push_back(name); }
  EXPECT_EQ(names, (std::vector<std::string>{
                       "blk.1.attn_k.weight", "blk.1.attn_norm.weight", "blk.1.attn_output.weight",
                       "blk.1.attn_q.bias", "blk.1.attn_q.weight", "blk.1.attn_v.weight",
                       "blk.1.ffn_down.weight", "blk.1.ffn_gate.weight", "blk.1.ffn_norm.weight",
                       "blk.1.ffn_up.weight", "output.weight", "output_norm.weight", "token_embd.weight"}));
  EXPECT_EQ(tensors.at("blk.1.ffn_down.weight").shape, (std::vector<std::int64_t>{16, 32}));
  EXPECT_THROW(
      gguf_model(tiny("llama"), {{"model.layers.0.other.weight", at::zeros({1})}}, GgmlType::kF32, "m"),
      InternalError);
}

TEST(GgufModel, HeadsOfLlamaTurnNeighboursTogether) {
  // Each head of 4 rows: dimension i next to dimension i + 2.
  const std::vector<float> q = {0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15};
  const std::vector<float> kept = {0, 1, 2, 3, 4, 5, 6, 7};
  for (const char* family : {"llama", "mistral"}) {
    const auto tensors = by_name(gguf_model(tiny(family), one_layer(), GgmlType::kF32, "m"));
    EXPECT_EQ(rows_of(tensors.at("blk.1.attn_q.weight")), q);
    EXPECT_EQ(rows_of(tensors.at("blk.1.attn_q.bias")), q);
    EXPECT_EQ(rows_of(tensors.at("blk.1.attn_k.weight")), (std::vector<float>{0, 2, 1, 3, 4, 6, 5, 7}));
    EXPECT_EQ(rows_of(tensors.at("blk.1.attn_v.weight")), kept);
  }
  const auto qwen = by_name(gguf_model(tiny("qwen2"), one_layer(), GgmlType::kF32, "m"));
  EXPECT_EQ(rows_of(qwen.at("blk.1.attn_k.weight")), kept);
  EXPECT_EQ(rows_of(qwen.at("blk.1.attn_q.bias"))[1], 1);
}

TEST(GgufModel, OnlyMatricesAreStoredSmall) {
  const GgufModel model = gguf_model(tiny("llama"), one_layer(), GgmlType::kQ8_0, "m");
  const auto tensors = by_name(model);
  EXPECT_EQ(tensors.at("blk.1.attn_norm.weight").type, GgmlType::kF32);
  EXPECT_EQ(tensors.at("blk.1.attn_q.bias").type, GgmlType::kF32);
  EXPECT_EQ(tensors.at("blk.1.ffn_down.weight").type, GgmlType::kQ8_0);
  EXPECT_EQ(tensors.at("blk.1.ffn_up.weight").type, GgmlType::kF16) << "rows of 16";
  EXPECT_EQ(model.as_f16.size(), 8U);
  EXPECT_EQ(gguf_model(tiny("llama"), one_layer(), GgmlType::kF16, "m").as_f16.size(), 0U);
}

TEST(GgufModel, HyperParametersStandUnderTheArchitecture) {
  const GgufModel llama =
      gguf_model(parse("mistral", R"({"rms_norm_eps": 0.25, "rope_theta": 500, "head_dim": 16})"), {},
                 GgmlType::kBF16, "my model");
  EXPECT_EQ(value_of<std::string>(llama, "general.architecture"), "llama");
  EXPECT_EQ(value_of<std::string>(llama, "general.name"), "my model");
  EXPECT_EQ(value_of<std::uint32_t>(llama, "general.file_type"), 32U);
  EXPECT_EQ(value_of<std::uint32_t>(llama, "llama.block_count"), 4U);
  EXPECT_EQ(value_of<std::uint32_t>(llama, "llama.context_length"), 131072U);
  EXPECT_EQ(value_of<std::uint32_t>(llama, "llama.embedding_length"), 64U);
  EXPECT_EQ(value_of<std::uint32_t>(llama, "llama.feed_forward_length"), 96U);
  EXPECT_EQ(value_of<std::uint32_t>(llama, "llama.attention.head_count"), 8U);
  EXPECT_EQ(value_of<std::uint32_t>(llama, "llama.attention.head_count_kv"), 4U);
  EXPECT_EQ(value_of<std::uint32_t>(llama, "llama.attention.key_length"), 16U);
  EXPECT_EQ(value_of<std::uint32_t>(llama, "llama.attention.value_length"), 16U);
  EXPECT_EQ(value_of<float>(llama, "llama.attention.layer_norm_rms_epsilon"), 0.25F);
  EXPECT_EQ(value_of<std::uint32_t>(llama, "llama.vocab_size"), 100U);
  EXPECT_EQ(value_of<std::uint32_t>(llama, "llama.rope.dimension_count"), 16U);
  EXPECT_EQ(value_of<float>(llama, "llama.rope.freq_base"), 500.0F);
  EXPECT_FALSE(value_of<std::string>(llama, "llama.rope.scaling.type").has_value());
  const GgufModel qwen = gguf_model(parse("qwen2"), {}, GgmlType::kQ8_0, "m");
  EXPECT_EQ(value_of<std::string>(qwen, "general.architecture"), "qwen2");
  EXPECT_EQ(value_of<std::uint32_t>(qwen, "general.file_type"), 7U);
  EXPECT_EQ(value_of<std::uint32_t>(qwen, "qwen2.block_count"), 4U);
}

TEST(GgufModel, FrequenciesOfLlama3AreATensor) {
  // Wavelengths 2 pi 16^(i/4) of a head of 8: 6.3, 12.6, 25.1, 50.3. Below 32/4 kept, above 32/1 divided by
  // 8, between: smooth = (32 / wavelength - 1) / 3.
  const ModelSpec spec =
      parse("llama", R"({"rope_theta": 16, "rope_scaling": {"rope_type": "llama3", "factor": 8,
      "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 32}})");
  const GgufModel model = gguf_model(spec, {}, GgmlType::kF16, "m");
  ASSERT_EQ(model.tensors.size(), 1U);
  EXPECT_EQ(model.tensors[0].name, "rope_freqs.weight");
  EXPECT_EQ(model.tensors[0].type, GgmlType::kF32);
  const std::vector<float> factors = rows_of(model.tensors[0]);
  ASSERT_EQ(factors.size(), 4U);
  EXPECT_EQ(factors[0], 1);
  EXPECT_NEAR(factors[1], 1 / ((1 - 0.51549) / 8 + 0.51549), 1e-4);
  EXPECT_NEAR(factors[2], 1 / ((1 - 0.09108) / 8 + 0.09108), 1e-4);
  EXPECT_EQ(factors[3], 8);
}

TEST(GgufModel, LinearAndYarnAreKeys) {
  const auto rope = [](const std::string& members) {
    return gguf_model(parse("qwen2", R"({"rope_scaling": {)" + members + "}}"), {}, GgmlType::kF32, "m");
  };
  const GgufModel linear = rope(R"("rope_type": "linear", "factor": 2.5)");
  EXPECT_EQ(value_of<std::string>(linear, "qwen2.rope.scaling.type"), "linear");
  EXPECT_EQ(value_of<float>(linear, "qwen2.rope.scaling.factor"), 2.5F);
  const std::string yarn = R"("rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 32)";
  EXPECT_EQ(value_of<std::uint32_t>(rope(yarn), "qwen2.rope.scaling.original_context_length"), 32U);
  EXPECT_FALSE(value_of<float>(rope(yarn), "qwen2.rope.scaling.attn_factor").has_value());
  const GgufModel scaled = rope(yarn + R"(, "attention_factor": 1.5)");
  EXPECT_NEAR(*value_of<float>(scaled, "qwen2.rope.scaling.attn_factor"), 1.5 / (0.1 * std::log(4.0) + 1),
              1e-6);
  const GgufModel all = rope(yarn + R"(, "mscale": 1, "mscale_all_dim": 1)");
  EXPECT_NEAR(*value_of<float>(all, "qwen2.rope.scaling.attn_factor"), 1 / (0.1 * std::log(4.0) + 1), 1e-6);
}

TEST(GgufModel, WhatLlamaCppDoesNotComputeIsRefused) {
  const auto contains = [](const std::string& error, const std::string& part) {
    EXPECT_NE(error.find(part), std::string::npos) << error;
    EXPECT_EQ(error.find("here: "), 0U) << error;
  };
  EXPECT_EQ(refusal(parse("llama")), "no error");
  ModelSpec unknown = parse("llama");
  unknown.model_type = "marsian";
  contains(refusal(unknown), "knows models of the families llama, mistral, qwen2, qwen3, gemma, ");
  contains(refusal(unknown), ", not marsian");
  contains(refusal(parse("llama", R"({"hidden_act": "gelu_pytorch_tanh"})")), "with silu");
  const std::string llama3 = R"({"rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1,
      "high_freq_factor": 4, "original_max_position_embeddings": 32}})";
  EXPECT_EQ(refusal(parse("llama", llama3)), "no error");
  contains(refusal(parse("qwen2", llama3)),
           "no rope of type llama3 for qwen2 (it has default, linear, yarn)");
  contains(refusal(parse("llama", R"({"rope_scaling": {"rope_type": "dynamic", "factor": 2}})")),
           "type dynamic");
  const std::string yarn = R"("rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 32)";
  EXPECT_EQ(refusal(parse("llama", R"({"rope_scaling": {)" + yarn + "}}")), "no error");
  for (const char* change : {R"("beta_fast": 16)", R"("beta_slow": 2)", R"("truncate": false)"}) {
    contains(refusal(parse("llama", R"({"rope_scaling": {)" + yarn + ", " + change + "}}")), "yarn");
  }
  contains(refusal(parse("qwen2", R"({"head_dim": 16})")), "8 heads of 16 do not make 64");
  EXPECT_EQ(refusal(parse("mistral", R"({"head_dim": 16})")), "no error");
  ModelSpec reward = parse("llama");
  reward.num_labels = 1;
  contains(refusal(reward), "reward model");
}

TEST(GgufModel, GemmasNormsAreOneMore) {
  const std::string layer = kLayer;
  const NamedTensors tensors = {{"model.norm.weight", at::zeros({64})},
                                {layer + "post_attention_layernorm.weight", at::zeros({64})},
                                {layer + "pre_feedforward_layernorm.weight", at::zeros({64})},
                                {layer + "post_feedforward_layernorm.weight", at::zeros({64})},
                                {layer + "self_attn.q_norm.weight", at::zeros({8})},
                                {layer + "self_attn.o_proj.weight", at::zeros({64, 64})}};
  const ModelSpec spec = parse("gemma3_text", R"({"head_dim": 8, "query_pre_attn_scalar": 8})");
  const auto found = by_name(gguf_model(spec, tensors, GgmlType::kF32, "m"));
  ASSERT_EQ(found.size(), tensors.size());
  for (const char* norm : {"output_norm", "blk.1.post_attention_norm", "blk.1.ffn_norm",
                           "blk.1.post_ffw_norm", "blk.1.attn_q_norm"}) {
    EXPECT_EQ(rows_of(found.at(std::string(norm) + ".weight"))[0], 1) << norm;
  }
  EXPECT_EQ(rows_of(found.at("blk.1.attn_output.weight"))[0], 0);
}

TEST(GgufModel, LayersThatSlideAreListed) {
  const GgufModel model = gguf_model(
      parse(
          "gemma2",
          R"({"head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": 7, "final_logit_softcapping": 20})"),
      {}, GgmlType::kF32, "m");
  EXPECT_EQ(value_of<std::uint32_t>(model, "gemma2.attention.sliding_window"), 7U);
  EXPECT_EQ(value_of<std::vector<bool>>(model, "gemma2.attention.sliding_window_pattern"),
            (std::vector<bool>{true, false, true, false}));
  EXPECT_EQ(value_of<float>(model, "gemma2.attn_logit_softcapping"), 50.0F);
  EXPECT_EQ(value_of<float>(model, "gemma2.final_logit_softcapping"), 20.0F);
  const GgufModel none = gguf_model(parse("mistral", R"({"sliding_window": 7})"), {}, GgmlType::kF32, "m");
  EXPECT_FALSE(value_of<std::uint32_t>(none, "llama.attention.sliding_window").has_value());
}

TEST(GgufModel, ATiedHeadIsWrittenWhereLlamaCppWantsIt) {
  const NamedTensors embedding = {
      {"model.embed_tokens.weight", at::arange(100.0F).view({100, 1}).expand({100, 64})}};
  const auto names = [&](const std::string& family) {
    return by_name(
        gguf_model(parse(family, R"({"tie_word_embeddings": true})"), embedding, GgmlType::kF32, "m"));
  };
  ASSERT_EQ(names("olmo2").count("output.weight"), 1U);
  EXPECT_EQ(rows_of(names("olmo2").at("output.weight"))[3], 3);
  EXPECT_EQ(names("qwen2").count("output.weight"), 0U);
}

TEST(GgufModel, ConvolutionsOfLfm2AreMatricesInF32) {
  const std::string layer = kLayer;
  const at::Tensor conv = at::arange(192.0F).view({64, 1, 3});
  const auto found = by_name(gguf_model(parse("lfm2"),
                                        {{layer + "conv.conv.weight", conv},
                                         {layer + "conv.in_proj.weight", at::zeros({192, 64})},
                                         {layer + "conv.out_proj.weight", at::zeros({64, 64})},
                                         {layer + "self_attn.out_proj.weight", at::zeros({64, 64})},
                                         {layer + "self_attn.q_layernorm.weight", at::zeros({8})},
                                         {layer + "operator_norm.weight", at::zeros({64})},
                                         {layer + "feed_forward.w2.weight", at::zeros({64, 256})},
                                         {"model.embedding_norm.weight", at::zeros({64})}},
                                        GgmlType::kQ8_0, "m"));
  ASSERT_EQ(found.size(), 8U);
  const GgufTensor& kernel = found.at("blk.1.shortconv.conv.weight");
  EXPECT_EQ(kernel.shape, (std::vector<std::int64_t>{64, 3}));
  EXPECT_EQ(kernel.type, GgmlType::kF32);
  EXPECT_EQ(rows_of(kernel)[1], 3);
  EXPECT_EQ(found.at("blk.1.shortconv.in_proj.weight").type, GgmlType::kQ8_0);
  for (const char* name : {"blk.1.shortconv.out_proj", "blk.1.attn_output", "blk.1.attn_q_norm",
                           "blk.1.attn_norm", "blk.1.ffn_down", "token_embd_norm"}) {
    EXPECT_EQ(found.count(std::string(name) + ".weight"), 1U) << name;
  }
}

// Two key heads of 2 numbers serve four value heads: llama.cpp counts the value heads across the key heads.
constexpr const char* kDelta = R"({"linear_num_key_heads": 2, "linear_num_value_heads": 4,
    "linear_key_head_dim": 2, "linear_value_head_dim": 2})";

TEST(GgufModel, ValueHeadsOfGatedDeltaRulesChangeTheirOrder) {
  const std::string layer = std::string(kLayer) + "linear_attn.";
  const auto numbered = [](std::int64_t rows) {
    return at::arange(static_cast<float>(rows)).view({rows, 1}).expand({rows, 64});
  };
  const auto found =
      by_name(gguf_model(parse("qwen3_5_text", kDelta),
                         {{layer + "in_proj_qkv.weight", numbered(16)},
                          {layer + "in_proj_z.weight", numbered(8)},
                          {layer + "in_proj_b.weight", numbered(4)},
                          {layer + "in_proj_a.weight", numbered(4)},
                          {layer + "out_proj.weight", numbered(8).t()},
                          {layer + "conv1d.weight", at::arange(64.0F).view({16, 1, 4})},
                          {layer + "A_log", at::arange(4.0F)},
                          {layer + "dt_bias", at::arange(4.0F)},
                          {layer + "norm.weight", at::full({2}, 3.0F)},
                          {std::string(kLayer) + "input_layernorm.weight", at::full({64}, 3.0F)}},
                         GgmlType::kF32, "m"));
  ASSERT_EQ(found.size(), 10U);
  const auto rows = [&](const char* name) { return rows_of(found.at(std::string("blk.1.") + name)); };
  EXPECT_EQ(rows("attn_qkv.weight"),
            (std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15}));
  EXPECT_EQ(rows("attn_gate.weight"), (std::vector<float>{0, 1, 4, 5, 2, 3, 6, 7}));
  for (const char* name : {"ssm_beta.weight", "ssm_alpha.weight", "ssm_dt.bias"}) {
    EXPECT_EQ(rows(name), (std::vector<float>{0, 2, 1, 3})) << name;
  }
  const std::vector<float> decay = rows("ssm_a");
  EXPECT_FLOAT_EQ(decay[0], -1);
  EXPECT_FLOAT_EQ(decay[1], -std::exp(2.0F));
  const at::Tensor out = found.at("blk.1.ssm_out.weight").data.contiguous();
  EXPECT_EQ(out[5][2].item<float>(), 4) << "the columns";
  const GgufTensor& kernel = found.at("blk.1.ssm_conv1d.weight");
  EXPECT_EQ(kernel.shape, (std::vector<std::int64_t>{16, 4}));
  EXPECT_EQ(rows("ssm_conv1d.weight")[10], 48);
  EXPECT_EQ(rows("ssm_norm.weight")[0], 3) << "the gated norm counts from 0";
  EXPECT_EQ(rows("attn_norm.weight")[0], 4);
}

TEST(GgufModel, PhisFusedProjectionsKeepTheirRows) {
  const std::string layer = kLayer;
  const at::Tensor rows = at::arange(128.0F).view({128, 1}).expand({128, 64});
  const auto found = by_name(gguf_model(
      parse("phi3"), {{layer + "self_attn.qkv_proj.weight", rows}, {layer + "mlp.gate_up_proj.weight", rows}},
      GgmlType::kF32, "m"));
  EXPECT_EQ(rows_of(found.at("blk.1.attn_qkv.weight"))[1], 1);
  EXPECT_EQ(rows_of(found.at("blk.1.ffn_up.weight"))[1], 1);
}

// Two heads of 4 dimensions: llama.cpp wants all rows of q, then all of k, then all of v.
TEST(GgufModel, AProjectionByHeadIsTakenApart) {
  const ModelSpec spec = parse(
      "gpt_neox",
      R"({"hidden_size": 8, "num_attention_heads": 2, "num_key_value_heads": null, "rotary_pct": 0.5})");
  const std::string module = "gpt_neox.layers.1.attention.query_key_value";
  const at::Tensor numbers = at::arange(24.0F);
  const GgufModel model = gguf_model(spec,
                                     {{module + ".weight", numbers.view({24, 1}).expand({24, 8})},
                                      {module + ".bias", numbers},
                                      {"embed_out.weight", at::zeros({100, 8})}},
                                     GgmlType::kF32, "m");
  const auto found = by_name(model);
  const std::vector<float> wanted = {0,  1,  2,  3,  12, 13, 14, 15, 4,  5,  6,  7,
                                     16, 17, 18, 19, 8,  9,  10, 11, 20, 21, 22, 23};
  EXPECT_EQ(rows_of(found.at("blk.1.attn_qkv.weight")), wanted);
  EXPECT_EQ(rows_of(found.at("blk.1.attn_qkv.bias")), wanted);
  EXPECT_TRUE(found.contains("output.weight"));
  EXPECT_EQ(value_of<bool>(model, "gptneox.use_parallel_residual"), true);
  EXPECT_EQ(value_of<std::uint32_t>(model, "gptneox.rope.dimension_count"), 2U);
  const std::vector<std::string> losses = gguf_losses(spec);
  ASSERT_EQ(losses.size(), 1U);
  EXPECT_NE(losses[0].find("the gelu of gpt_neox"), std::string::npos) << losses[0];
}

// One layer of twelve experts, filled with their numbers.
NamedTensors numbered_experts() {
  NamedTensors out = {{"model.layers.0.mlp.gate.weight", at::zeros({12, 64})}};
  for (int expert = 0; expert < 12; ++expert) {
    const std::string prefix = "model.layers.0.mlp.experts." + std::to_string(expert) + ".";
    out.emplace_back(prefix + "gate_proj.weight", at::full({32, 64}, expert));
    out.emplace_back(prefix + "up_proj.weight", at::full({32, 64}, 100 + expert));
    out.emplace_back(prefix + "down_proj.weight", at::full({64, 32}, 200 + expert));
  }
  return out;
}

TEST(GgufModel, TheExpertsOfALayerAreOneTensorInTheOrderOfTheirNumbers) {
  const ModelSpec spec =
      parse("qwen3_moe", R"({"num_hidden_layers": 1, "num_experts": 12, "norm_topk_prob": true,
      "num_experts_per_tok": 3, "moe_intermediate_size": 32})");
  const GgufModel model = gguf_model(spec, numbered_experts(), GgmlType::kQ8_0, "m");
  EXPECT_EQ(value_of<std::uint32_t>(model, "qwen3moe.expert_count"), 12U);
  EXPECT_EQ(value_of<std::uint32_t>(model, "qwen3moe.expert_used_count"), 3U);
  EXPECT_EQ(value_of<std::uint32_t>(model, "qwen3moe.expert_feed_forward_length"), 32U);
  const auto found = by_name(model);
  const GgufTensor& up = found.at("blk.0.ffn_up_exps.weight");
  EXPECT_EQ(up.shape, (std::vector<std::int64_t>{12, 32, 64}));
  EXPECT_EQ(up.type, GgmlType::kQ8_0);
  ASSERT_EQ(up.rest.size(), 11U);
  EXPECT_EQ(up.rest[9].flatten()[0].item<float>(), 110);
  EXPECT_EQ(found.at("blk.0.ffn_down_exps.weight").shape, (std::vector<std::int64_t>{12, 64, 32}));
  EXPECT_EQ(found.at("blk.0.ffn_gate_exps.weight").rest[1].flatten()[0].item<float>(), 2);
  EXPECT_EQ(found.at("blk.0.ffn_gate_inp.weight").type, GgmlType::kF32) << "the router stays exact";
  EXPECT_EQ(found.size(), 4U);
}

TEST(GgufModel, ExpertsStoredInOneTensorAreTakenApart) {
  const ModelSpec spec = parse("granitemoe", R"({"num_hidden_layers": 1, "num_local_experts": 3})");
  const std::string moe = "model.layers.0.block_sparse_moe.";
  const at::Tensor rows = at::arange(3 * 192.0F).view({3, 192, 1}).expand({3, 192, 64});
  const auto found = by_name(gguf_model(spec,
                                        {{moe + "input_linear.weight", rows},
                                         {moe + "output_linear.weight", at::zeros({3, 64, 96})},
                                         {moe + "router.layer.weight", at::zeros({3, 64})}},
                                        GgmlType::kF16, "m"));
  EXPECT_EQ(found.at("blk.0.ffn_gate_exps.weight").rest[0][0][0].item<float>(), 192);
  EXPECT_EQ(found.at("blk.0.ffn_up_exps.weight").rest[0][0][0].item<float>(), 192 + 96);
  EXPECT_EQ(found.at("blk.0.ffn_gate_inp.weight").shape, (std::vector<std::int64_t>{3, 64}));
}

TEST(GgufModel, GptOssHasSinksBiasesOfExpertsAndRoundedYarn) {
  const ModelSpec spec =
      parse("gpt_oss", R"({"num_hidden_layers": 2, "num_local_experts": 3, "num_experts_per_tok": 2})");
  const std::string layer = "model.layers.1.";
  NamedTensors tensors = {{layer + "self_attn.sinks", at::arange(8.0F)},
                          {layer + "post_attention_layernorm.weight", at::zeros({64})},
                          {layer + "mlp.router.weight", at::zeros({3, 64})},
                          {layer + "mlp.router.bias", at::zeros({3})}};
  for (const std::string& each : {std::string("model.layers.0."), layer}) {
    const std::string experts = each + "mlp.experts.";
    tensors.emplace_back(experts + "gate_up_proj", at::arange(192.0F).view({1, 1, 192}).expand({3, 64, 192}));
    tensors.emplace_back(experts + "gate_up_proj_bias", at::arange(3 * 192.0F).view({3, 192}));
    tensors.emplace_back(experts + "down_proj", at::zeros({3, 96, 64}));
    tensors.emplace_back(experts + "down_proj_bias", at::zeros({3, 64}));
  }
  const GgufModel model = gguf_model(spec, tensors, GgmlType::kF16, "m");
  const auto found = by_name(model);
  EXPECT_EQ(rows_of(found.at("blk.1.attn_sinks.weight")), (std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_TRUE(found.contains("blk.1.post_attention_norm.weight"));
  EXPECT_EQ(found.at("blk.1.ffn_gate_inp.bias").type, GgmlType::kF32);
  const GgufTensor &up = found.at("blk.0.ffn_up_exps.weight"), &bias = found.at("blk.1.ffn_up_exps.bias");
  EXPECT_EQ(up.shape, (std::vector<std::int64_t>{3, 96, 64}));
  EXPECT_EQ(up.data[1][0].item<float>(), 3) << "gate and up alternate in the folder";
  EXPECT_EQ(bias.shape, (std::vector<std::int64_t>{3, 96}));
  EXPECT_EQ(bias.type, GgmlType::kF32);
  EXPECT_EQ(bias.rest[1][2].item<float>(), 2 * 192 + 5);
  EXPECT_EQ(value_of<std::uint32_t>(model, "gpt-oss.attention.sliding_window"), 128U);
  const std::vector<std::string> losses = gguf_losses(spec);
  ASSERT_EQ(losses.size(), 1U);
  EXPECT_NE(losses[0].find("truncate false"), std::string::npos) << losses[0];
}

TEST(GgufModel, LongropesFactorsAreTwoTensors) {
  const ModelSpec spec =
      parse("phi3", R"({"max_position_embeddings": 128, "original_max_position_embeddings": 32,
      "rope_scaling": {"type": "longrope", "short_factor": [1, 2, 3, 4], "long_factor": [5, 6, 7, 8]}})");
  const GgufModel model = gguf_model(spec, {}, GgmlType::kF16, "m");
  const auto tensors = by_name(model);
  EXPECT_EQ(rows_of(tensors.at("rope_factors_long.weight")), (std::vector<float>{5, 6, 7, 8}));
  EXPECT_EQ(rows_of(tensors.at("rope_factors_short.weight")), (std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(value_of<std::string>(model, "phi3.rope.scaling.type"), "longrope");
  EXPECT_EQ(value_of<std::uint32_t>(model, "phi3.rope.scaling.original_context_length"), 32U);
  EXPECT_FALSE(value_of<float>(model, "phi3.rope.scaling.factor").has_value()) << "it would scale all angles";
  EXPECT_NEAR(*value_of<float>(model, "phi3.rope.scaling.attn_factor"),
              std::sqrt(1 + std::log(4.0) / std::log(32.0)), 1e-6);
  const std::vector<std::string> losses = gguf_losses(spec);
  ASSERT_EQ(losses.size(), 1U);
  EXPECT_NE(losses[0].find("exceeds 32 tokens"), std::string::npos) << losses[0];
}

TEST(GgufModel, ASlidingWindowIsToldOfWhenSequencesCanOutgrowIt) {
  const std::vector<std::string> losses = gguf_losses(parse("mistral", R"({"sliding_window": 5})"));
  ASSERT_EQ(losses.size(), 1U);
  EXPECT_NE(losses[0].find("beyond 5 tokens"), std::string::npos) << losses[0];
  EXPECT_TRUE(gguf_losses(parse("mistral", R"({"sliding_window": null})")).empty());
  EXPECT_TRUE(
      gguf_losses(parse("mistral", R"({"sliding_window": 64, "max_position_embeddings": 64})")).empty());
}

}  // namespace
}  // namespace una::gguf
