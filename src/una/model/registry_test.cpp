#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/model/family.h"
#include "una/model/fixtures_testing.h"

namespace una::model {
namespace {

std::string refusal(const ModelSpec& spec) {
  try {
    find_family(spec);
  } catch (const InputError& error) { return error.what(); }
  return "";
}

TEST(Registry, AnUnknownTypeIsRefusedWithTheKnownOnes) {
  ModelSpec spec = tiny_spec();
  spec.model_type = "gpt2";
  const std::string message = refusal(spec);
  EXPECT_NE(message.find("\"gpt2\""), std::string::npos);
  EXPECT_NE(message.find("llama, mistral, qwen2"), std::string::npos);
}

TEST(Registry, SizesThatDoNotFitAreNamed) {
  ModelSpec spec = tiny_spec();
  spec.num_kv_heads = 3;
  EXPECT_NE(refusal(spec).find("num_key_value_heads 3"), std::string::npos);
  spec = tiny_spec();
  spec.head_dim = 5;
  EXPECT_NE(refusal(spec).find("head_dim 5"), std::string::npos);
  spec = tiny_spec();
  spec.vocab_size = 0;
  EXPECT_NE(refusal(spec).find("vocab_size"), std::string::npos);
  spec = tiny_spec();
  spec.activation = "relu";
  EXPECT_NE(refusal(spec).find("relu"), std::string::npos);
  spec.activation = "gelu";
  EXPECT_EQ(refusal(spec), "");
}

TEST(Registry, BiasesOfTheWrongFamilyAreRefused) {
  ModelSpec spec = tiny_spec();
  spec.model_type = "qwen2";
  EXPECT_NE(refusal(spec), "");
  spec.qkv_bias = true;
  EXPECT_EQ(refusal(spec), "");
  spec.model_type = "mistral";
  EXPECT_NE(refusal(spec), "");
}

TEST(Registry, FamiliesRefuseWhatTheirArithmeticIsNot) {
  for (const char* type : {"qwen3", "gemma", "gemma2", "gemma3_text", "olmo2"}) {
    ModelSpec spec = tiny_spec();
    spec.model_type = type;
    EXPECT_NE(refusal(spec), "") << type << ": a llama's norms";
    spec.norm_style = NormStyle::kPlusOne;
    spec.qk_norm = std::string(type) == "olmo2" ? QkNorm::kProjection : QkNorm::kHead;
    EXPECT_EQ(refusal(spec), "") << type;
    spec.qkv_bias = true;
    EXPECT_NE(refusal(spec), "") << type << ": no bias on o";
  }
  ModelSpec spec = tiny_spec();
  spec.model_type = "phi3";
  EXPECT_EQ(refusal(spec), "");
  spec.qkv_bias = spec.o_bias = true;
  EXPECT_NE(refusal(spec), "");
}

TEST(Registry, FusedProjectionsAndAbsentNormsShowInTheNames) {
  ModelSpec spec = tiny_spec(1);
  spec.model_type = "phi3";
  std::vector<std::string> names;
  for (const ParameterShape& shape : parameter_shapes(spec, find_family(spec).names)) {
    if (starts_with(shape.name, "model.layers.")) { names.push_back(shape.name.substr(15)); }
  }
  EXPECT_EQ(join(names, " "),
            "self_attn.qkv_proj.weight self_attn.o_proj.weight mlp.gate_up_proj.weight mlp.down_proj.weight "
            "input_layernorm.weight post_attention_layernorm.weight");
  spec.model_type = "olmo2";
  spec.qk_norm = QkNorm::kProjection;
  names.clear();
  for (const ParameterShape& shape : parameter_shapes(spec, find_family(spec).names)) {
    if (shape.kind == ParameterShape::Kind::kNorm) { names.push_back(cat(shape.name, " ", shape.shape[0])); }
  }
  EXPECT_EQ(join(names, ", "),
            "model.layers.0.self_attn.q_norm.weight 24, model.layers.0.self_attn.k_norm.weight 12, "
            "model.layers.0.post_attention_layernorm.weight 16, "
            "model.layers.0.post_feedforward_layernorm.weight 16, model.norm.weight 16");
}

TEST(Registry, ParameterNamesFollowTheSpec) {
  ModelSpec spec = tiny_spec(1);
  spec.qkv_bias = true;
  spec.tie_word_embeddings = true;
  std::vector<std::string> names;
  for (const ParameterShape& shape : parameter_shapes(spec, {})) { names.push_back(shape.name); }
  const std::vector<std::string> expected = {
      "model.embed_tokens.weight",
      "model.layers.0.self_attn.q_proj.weight",
      "model.layers.0.self_attn.q_proj.bias",
      "model.layers.0.self_attn.k_proj.weight",
      "model.layers.0.self_attn.k_proj.bias",
      "model.layers.0.self_attn.v_proj.weight",
      "model.layers.0.self_attn.v_proj.bias",
      "model.layers.0.self_attn.o_proj.weight",
      "model.layers.0.mlp.gate_proj.weight",
      "model.layers.0.mlp.up_proj.weight",
      "model.layers.0.mlp.down_proj.weight",
      "model.layers.0.input_layernorm.weight",
      "model.layers.0.post_attention_layernorm.weight",
      "model.norm.weight",
  };
  EXPECT_EQ(names, expected);
}

}  // namespace
}  // namespace una::model
