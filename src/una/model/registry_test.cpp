#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/model/family.h"
#include "una/model/fixtures_testing.h"

namespace una::model {
namespace {

std::string refusal(const ModelSpec& spec) {
  try {
    find_family(spec);
  } catch (const InputError& error) {
    return error.what();
  }
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
  spec.activation = "gelu";
  EXPECT_NE(refusal(spec).find("gelu"), std::string::npos);
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

TEST(Registry, ParameterNamesFollowTheSpec) {
  ModelSpec spec = tiny_spec(1);
  spec.qkv_bias = true;
  spec.tie_word_embeddings = true;
  std::vector<std::string> names;
  for (const ParameterShape& shape : parameter_shapes(spec, {})) names.push_back(shape.name);
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
