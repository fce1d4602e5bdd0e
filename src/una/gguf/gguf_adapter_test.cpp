#include "una/gguf/gguf_adapter.h"

#include <map>

#include <ATen/ops/arange.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/weights/config_testing.h"

namespace una::gguf {
namespace {

using weights::parse;

constexpr const char* kQ = "model.layers.1.self_attn.q_proj";

// Two heads of 4 rows; every row of B holds its number.
ModelSpec two_heads(const std::string& family) {
  return parse(family, R"({"hidden_size": 8, "num_attention_heads": 2, "num_key_value_heads": 2})");
}

GgufLora numbered(const std::string& module, double scale) {
  return {module, at::ones({2, 8}), at::arange(8.0F).view({8, 1}).expand({8, 2}), scale};
}

std::vector<float> first_column(const GgufTensor& tensor) {
  const at::Tensor flat = tensor.data.reshape(tensor.shape).contiguous();
  std::vector<float> out;
  for (std::int64_t i = 0; i < flat.size(0); ++i) { out.push_back(flat[i][0].item<float>()); }
  return out;
}

std::map<std::string, GgufTensor> by_name(const GgufModel& model) {
  std::map<std::string, GgufTensor> out;
  for (const GgufTensor& tensor : model.tensors) { out[tensor.name] = tensor; }
  return out;
}

TEST(GgufAdapter, TheHeadSaysLora) {
  const GgufModel out = gguf_adapter(two_heads("qwen2"), {numbered(kQ, 4)}, 8, GgmlType::kF32, "mine");
  std::map<std::string, GgufValue> said(out.metadata.begin(), out.metadata.end());
  EXPECT_EQ(std::get<std::string>(said.at("general.architecture")), "qwen2");
  EXPECT_EQ(std::get<std::string>(said.at("general.type")), "adapter");
  EXPECT_EQ(std::get<std::string>(said.at("general.name")), "mine");
  EXPECT_EQ(std::get<std::string>(said.at("adapter.type")), "lora");
  EXPECT_EQ(std::get<float>(said.at("adapter.lora.alpha")), 8.0F);
}

TEST(GgufAdapter, RowsOfBFollowTheBases) {
  const std::vector<float> kept = {0, 1, 2, 3, 4, 5, 6, 7}, paired = {0, 2, 1, 3, 4, 6, 5, 7};
  for (const char* family : {"llama", "qwen2"}) {
    const auto tensors = by_name(
        gguf_adapter(two_heads(family), {numbered(kQ, 4), numbered("model.layers.1.self_attn.v_proj", 4)}, 8,
                     GgmlType::kF32, "m"));
    ASSERT_EQ(tensors.size(), 4U);
    EXPECT_EQ(first_column(tensors.at("blk.1.attn_q.weight.lora_b")),
              family == std::string("llama") ? paired : kept);
    EXPECT_EQ(first_column(tensors.at("blk.1.attn_v.weight.lora_b")), kept);
    EXPECT_EQ(tensors.at("blk.1.attn_q.weight.lora_a").shape, (std::vector<std::int64_t>{2, 8}));
    EXPECT_EQ(tensors.at("blk.1.attn_q.weight.lora_b").shape, (std::vector<std::int64_t>{8, 2}));
  }
}

TEST(GgufAdapter, AnotherScaleThanAlphaByRankIsInB) {
  // llama.cpp multiplies by alpha / r = 8 / 2.
  const auto factor = [](double scale, double alpha) {
    const auto tensors =
        by_name(gguf_adapter(two_heads("qwen2"), {numbered(kQ, scale)}, alpha, GgmlType::kF32, "m"));
    EXPECT_EQ(first_column(tensors.at("blk.1.attn_q.weight.lora_a"))[1], 1);
    return first_column(tensors.at("blk.1.attn_q.weight.lora_b"))[1];
  };
  EXPECT_EQ(factor(4, 8), 1);
  EXPECT_EQ(factor(2, 8), 0.5);
  EXPECT_EQ(factor(0, 0), 0) << "llama.cpp would take an alpha of 0 for a scale of 1";
}

TEST(GgufAdapter, SmallTypesAreForWholeBlocks) {
  const GgufModel out =
      gguf_adapter(parse("qwen2"), {{kQ, at::ones({2, 64}), at::ones({64, 2}), 4}}, 8, GgmlType::kQ8_0, "m");
  EXPECT_EQ(by_name(out).at("blk.1.attn_q.weight.lora_a").type, GgmlType::kQ8_0);
  EXPECT_EQ(by_name(out).at("blk.1.attn_q.weight.lora_b").type, GgmlType::kF16);
  EXPECT_EQ(out.as_f16, (std::vector<std::string>{"blk.1.attn_q.weight.lora_b"}));
}

}  // namespace
}  // namespace una::gguf
