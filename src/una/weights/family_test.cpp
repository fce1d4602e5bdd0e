#include "una/weights/family.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/core/tiny_spec_testing.h"
#include "una/weights/testing.h"

namespace una::weights {
namespace {

std::string refusal(const ModelSpec& spec) {
  const std::string error = error_of([&] { find_family(spec); });
  return error == "no error" ? "" : error;
}

TEST(Family, AnUnknownTypeIsRefusedWithTheKnownOnes) {
  ModelSpec spec = tiny_spec();
  spec.model_type = "gpt2";
  const std::string message = refusal(spec);
  EXPECT_NE(message.find("\"gpt2\""), std::string::npos);
  EXPECT_NE(message.find("llama, mistral, qwen2"), std::string::npos);
}

TEST(Family, SizesThatDoNotFitAreNamed) {
  ModelSpec spec = tiny_spec();
  spec.num_kv_heads = 3;
  EXPECT_NE(refusal(spec).find("num_key_value_heads 3"), std::string::npos);
  spec = tiny_spec();
  spec.head_dim = 5;
  EXPECT_NE(refusal(spec).find("head_dim 5"), std::string::npos);
  spec.head_dim = std::int64_t{1} << 30;  // tables of angles of 8 GB, before any shape is compared
  EXPECT_NE(refusal(spec).find("head_dim 1073741824 is above"), std::string::npos);
  spec = tiny_spec();
  spec.vocab_size = 0;
  EXPECT_NE(refusal(spec).find("vocab_size"), std::string::npos);
  spec = tiny_spec();
  spec.activation = "relu";
  EXPECT_NE(refusal(spec).find("relu"), std::string::npos);
  spec.activation = "gelu";
  EXPECT_EQ(refusal(spec), "");
}

TEST(Family, BiasesOfTheWrongFamilyAreRefused) {
  ModelSpec spec = tiny_spec();
  spec.model_type = "qwen2";
  EXPECT_NE(refusal(spec), "");
  spec.qkv_bias = true;
  EXPECT_EQ(refusal(spec), "");
  spec.model_type = "mistral";
  EXPECT_NE(refusal(spec), "");
}

TEST(Family, FamiliesRefuseWhatTheirArithmeticIsNot) {
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

}  // namespace
}  // namespace una::weights
