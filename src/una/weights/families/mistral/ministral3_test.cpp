#include <gtest/gtest.h>

#include "una/weights/config_testing.h"

namespace una::weights {
namespace {

// The rope of Mistral's files.
constexpr const char* kHub = R"({"rope_parameters":{"beta_fast":32.0,"beta_slow":1.0,"factor":16.0,
    "llama_4_scaling_beta":0.2,"mscale":1.0,"mscale_all_dim":1.0,"original_max_position_embeddings":8192,
    "rope_theta":500000.0,"rope_type":"yarn","type":"yarn"},"head_dim":128,"sliding_window":null})";

TEST(Ministral3, QueriesGrowWithTheirPosition) {
  const ModelSpec spec = parse("ministral3", kHub);
  EXPECT_EQ(spec.rope.query_beta, 0.2);
  EXPECT_EQ(spec.rope.original_max_positions, 8192);
  EXPECT_EQ(spec.rope.type, "yarn");
  EXPECT_EQ(spec.rope.theta, 5e5);
  EXPECT_EQ(spec.rope.factor, 16);
  EXPECT_EQ(spec.rope.mscale_all_dim, 1);
  EXPECT_EQ(spec.windows, std::vector<std::int64_t>(4, 0));
  EXPECT_EQ(spec.norm_eps, 1e-5);
  const ModelSpec back = parse_model_spec(print_model_spec(spec), "printed");
  EXPECT_EQ(back.rope.query_beta, 0.2);
  EXPECT_EQ(back.rope.original_max_positions, 8192);
  EXPECT_EQ(back.rope.type, "yarn");
  EXPECT_EQ(back.rope.theta, 5e5);
}

TEST(Ministral3, ASilentConfigIsTransformersDefault) {
  const ModelSpec spec = parse("ministral3");
  EXPECT_EQ(spec.rope.query_beta, 0.1);
  EXPECT_EQ(spec.rope.original_max_positions, 16384);
  EXPECT_EQ(spec.rope.type, "yarn");
  EXPECT_EQ(spec.rope.factor, 16);
  EXPECT_EQ(spec.rope.theta, 1e6);
  EXPECT_EQ(spec.max_positions, 262144);
  EXPECT_EQ(spec.head_dim, 128);
  EXPECT_EQ(spec.pad_id, 11);
  EXPECT_EQ(parse("ministral3", R"({"head_dim":null})").head_dim, 8);
  EXPECT_EQ(parse("ministral3", R"({"sliding_window":64})").windows, std::vector<std::int64_t>(4, 64));
}

TEST(Ministral3, ARopeOfTheDefaultTypeStaysWhenPrinted) {
  const ModelSpec spec = parse("ministral3", R"({"rope_parameters":{"rope_type":"default",
      "llama_4_scaling_beta":0,"original_max_position_embeddings":64}})");
  EXPECT_EQ(spec.rope.query_beta, 0);
  const ModelSpec back = parse_model_spec(print_model_spec(spec), "printed");
  EXPECT_EQ(back.rope.type, "default");
  EXPECT_EQ(back.rope.query_beta, 0);
  EXPECT_EQ(back.rope.theta, 1e4);
}

TEST(Ministral3, WhatTransformersCannotComputeIsRefused) {
  EXPECT_REFUSED("ministral3", R"({"rope_parameters":{"rope_type":"default",
                 "original_max_position_embeddings":64}})",
                 "needs \"llama_4_scaling_beta\"");
  EXPECT_REFUSED("ministral3", R"({"rope_parameters":{"rope_type":"default","llama_4_scaling_beta":0.1}})",
                 "needs \"original_max_position_embeddings\"");
  EXPECT_REFUSED("ministral3", R"({"rope_parameters":{}})", "empty");
  EXPECT_REFUSED("ministral3", R"({"attention_bias":true})", "attention_bias");
  EXPECT_REFUSED("ministral3", R"({"layer_types":["sliding_attention","full_attention","full_attention",
                 "full_attention"]})",
                 "layer_types");
}

}  // namespace
}  // namespace una::weights
