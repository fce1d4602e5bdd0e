#include "una/gguf/gguf_gemma4.h"

#include <map>

#include <ATen/core/Tensor.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "una/gguf/gguf_adapter.h"
#include "una/gguf/gguf_architecture.h"
#include "una/gguf/gguf_model.h"
#include "una/weights/config_testing.h"

namespace una::gguf {
namespace {

using weights::error_of;
using weights::parse;

constexpr const char* kLayers =
    R"("layer_types":["full_attention","sliding_attention","sliding_attention","full_attention"],)"
    R"("head_dim":8,"global_head_dim":16,"sliding_window":7)";

ModelSpec spec_of(const std::string& more) {
  return parse("gemma4_text", std::string("{") + kLayers + "," + more + "}");
}

const char* const kShared =
    R"("num_kv_shared_layers":1,"use_double_wide_mlp":true,"hidden_size_per_layer_input":0)";
const char* const kDense =
    R"("attention_k_eq_v":true,"num_global_key_value_heads":2,"hidden_size_per_layer_input":0)";

std::string problem(const ModelSpec& spec) {
  return error_of([&] { gguf_architecture(spec, "here"); });
}

template <class T>
T value_of(const ModelSpec& spec, const std::string& key) {
  for (const auto& [name, value] : gguf_model(spec, {}, GgmlType::kF32, "m").metadata) {
    if (name == "gemma4." + key) { return std::get<T>(value); }
  }
  ADD_FAILURE() << key << " is missing";
  return {};
}

TEST(GgufGemma4, FullAndSlidingLayersHaveKeysOfTheirOwn) {
  const ModelSpec spec = spec_of(kDense);
  EXPECT_EQ(problem(spec), "no error");
  EXPECT_EQ(value_of<std::uint32_t>(spec, "attention.key_length"), 16U);
  EXPECT_EQ(value_of<std::uint32_t>(spec, "attention.key_length_swa"), 8U);
  EXPECT_EQ(value_of<std::uint32_t>(spec, "attention.value_length_swa"), 8U);
  EXPECT_EQ(value_of<std::uint32_t>(spec, "rope.dimension_count"), 16U);
  EXPECT_EQ(value_of<std::uint32_t>(spec, "rope.dimension_count_swa"), 8U);
  EXPECT_EQ(value_of<float>(spec, "rope.freq_base"), 1e6F);
  EXPECT_EQ(value_of<float>(spec, "rope.freq_base_swa"), 1e4F);
  EXPECT_EQ(value_of<std::vector<std::int32_t>>(spec, "attention.head_count_kv"),
            (std::vector<std::int32_t>{2, 4, 4, 2}));
  EXPECT_EQ(value_of<std::uint32_t>(spec, "attention.shared_kv_layers"), 0U);
  EXPECT_EQ(value_of<std::uint32_t>(spec, "embedding_length_per_layer_input"), 0U);
  EXPECT_EQ(value_of<std::uint32_t>(spec, "feed_forward_length"), 96U);
  EXPECT_EQ(value_of<float>(spec, "final_logit_softcapping"), 0.0F) << "llama.cpp's default is 30";
}

TEST(GgufGemma4, PairsThatDoNotTurnHaveFactorsWithoutEnd) {
  const GgufModel model = gguf_model(spec_of(kDense), {}, GgmlType::kF32, "m");
  ASSERT_EQ(model.tensors.size(), 1U);
  EXPECT_EQ(model.tensors[0].name, "rope_freqs.weight");
  const at::Tensor& factors = model.tensors[0].data;
  ASSERT_EQ(factors.numel(), 8);
  for (std::int64_t i = 0; i < 8; ++i) { EXPECT_EQ(factors[i].item<float>(), i < 2 ? 1.0F : 1e30F) << i; }
}

TEST(GgufGemma4, SharedKeysAreThoseOfTheLastTwoLayersBefore) {
  EXPECT_NE(problem(spec_of(kShared)).find("gives layer 3 the keys and values of layer 2"),
            std::string::npos);
  const ModelSpec spec =
      parse("gemma4_text", std::string(R"({"layer_types":["sliding_attention",
      "full_attention","sliding_attention","full_attention"],"num_kv_shared_layers":2,)") +
                               R"("use_double_wide_mlp":true,"hidden_size_per_layer_input":0})");
  EXPECT_EQ(problem(spec), "no error");
  EXPECT_EQ(value_of<std::uint32_t>(spec, "attention.shared_kv_layers"), 2U);
  EXPECT_EQ(value_of<std::vector<std::int32_t>>(spec, "feed_forward_length"),
            (std::vector<std::int32_t>{96, 96, 192, 192}));
}

TEST(GgufGemma4, WhatTheGraphLacksIsRefused) {
  EXPECT_NE(problem(spec_of(R"("attention_bias":true)")).find("no bias on o_proj"), std::string::npos);
  EXPECT_NE(problem(spec_of(R"("vocab_size_per_layer_input":200)")).find("100 and 200"), std::string::npos);
  const std::string full =
      R"({"layer_types":["full_attention","full_attention","full_attention","full_attention"],
      "hidden_size_per_layer_input":0})";
  EXPECT_NE(problem(parse("gemma4_text", full)).find("this model has none"), std::string::npos);
}

TEST(GgufGemma4, AnAdapterOfTheProjectionForAllLayersIsRefused) {
  const ModelSpec spec = spec_of(R"("vocab_size_per_layer_input":100,"hidden_size_per_layer_input":32)");
  const auto adapted = [&](const std::string& module) {
    const GgufLora linear{module, at::zeros({2, 64}), at::zeros({32, 2})};
    return error_of([&] { gguf_adapter(spec, {linear}, 2, GgmlType::kF32, "here"); });
  };
  EXPECT_EQ(adapted("model.layers.1.per_layer_input_gate"), "no error");
  EXPECT_NE(adapted("model.per_layer_model_projection").find("export the merged model"), std::string::npos);
}

TEST(GgufGemma4, InputsOfTheTokenAndScalarsHaveNames) {
  const std::string layer = "model.layers.1.";
  const auto found =
      gguf_model(spec_of(R"("vocab_size_per_layer_input":100,"hidden_size_per_layer_input":32)"),
                 {{layer + "layer_scalar", at::full({1}, 0.5)},
                  {layer + "per_layer_input_gate.weight", at::zeros({32, 64})},
                  {layer + "per_layer_projection.weight", at::zeros({64, 32})},
                  {layer + "post_per_layer_input_norm.weight", at::full({64}, 3)},
                  {"model.embed_tokens_per_layer.weight", at::zeros({100, 128})},
                  {"model.per_layer_model_projection.weight", at::zeros({128, 64})},
                  {"model.per_layer_projection_norm.weight", at::zeros({32})}},
                 GgmlType::kQ8_0, "m");
  std::map<std::string, GgufTensor> by_name;
  for (const GgufTensor& tensor : found.tensors) { by_name[tensor.name] = tensor; }
  ASSERT_EQ(by_name.size(), 8U);
  EXPECT_EQ(by_name.at("blk.1.layer_output_scale.weight").type, GgmlType::kF32);
  EXPECT_EQ(by_name.at("blk.1.inp_gate.weight").type, GgmlType::kQ8_0);
  EXPECT_EQ(by_name.count("blk.1.proj.weight"), 1U);
  EXPECT_EQ(by_name.at("blk.1.post_norm.weight").data[0].item<float>(), 3) << "as it is, not plus one";
  EXPECT_EQ(by_name.count("per_layer_token_embd.weight"), 1U);
  EXPECT_EQ(by_name.count("per_layer_model_proj.weight"), 1U);
  EXPECT_EQ(by_name.count("per_layer_proj_norm.weight"), 1U);
}

}  // namespace
}  // namespace una::gguf
