#include <gtest/gtest.h>

#include "una/weights/config_testing.h"

namespace una::weights {
namespace {

constexpr const char* kModel = "gemma4_text";

// The keys of google/gemma-4-31B's text model, made small.
constexpr const char* kDense =
    R"({"attention_k_eq_v":true,"enable_moe_block":false,"final_logit_softcapping":30.0,
    "global_head_dim":32,"head_dim":16,"hidden_size_per_layer_input":0,"num_global_key_value_heads":2,
    "num_kv_shared_layers":0,"num_experts":null,"sliding_window":64,"use_bidirectional_attention":"vision",
    "layer_types":["sliding_attention","sliding_attention","sliding_attention","full_attention"],
    "rope_parameters":{"full_attention":{"partial_rotary_factor":0.25,"rope_theta":1000000.0,
    "rope_type":"proportional"},"sliding_attention":{"rope_theta":10000.0,"rope_type":"default"}}})";

// The same of google/gemma-4-E2B.
constexpr const char* kShared = R"({"global_head_dim":32,"head_dim":16,"hidden_size_per_layer_input":8,
    "vocab_size_per_layer_input":100,"num_kv_shared_layers":2,"use_double_wide_mlp":true,"sliding_window":64,
    "layer_types":["sliding_attention","full_attention","sliding_attention","full_attention"]})";

TEST(Gemma4, FullLayersHaveHeadsOfTheirOwn) {
  const ModelSpec spec = parse(kModel, kDense);
  EXPECT_EQ(spec.windows, (std::vector<std::int64_t>{64, 64, 64, 0}));
  EXPECT_EQ(spec.layer_head_dim(0), 16);
  EXPECT_EQ(spec.layer_head_dim(3), 32);
  EXPECT_EQ(spec.layer_kv_heads(0), 4);
  EXPECT_EQ(spec.layer_kv_heads(3), 2);
  EXPECT_TRUE(spec.projects_values(0));
  EXPECT_FALSE(spec.projects_values(3));
  EXPECT_EQ(spec.rope_layers, (std::vector<std::int8_t>{1, 1, 1, 0}));
  EXPECT_EQ(spec.rope.type, "proportional");
  EXPECT_EQ(spec.rope.partial_rotary_factor, 0.25);
  EXPECT_EQ(spec.local_rope.theta, 1e4);
  EXPECT_EQ(spec.attention_scale, 1);
  EXPECT_EQ(spec.logit_soft_cap, 30);
  EXPECT_EQ(spec.norm_style, NormStyle::kWide);
  EXPECT_TRUE(spec.gemma4.value_norm && spec.gemma4.layer_scalar && spec.tie_word_embeddings);
  EXPECT_EQ(spec.embedding_scale, 8);
  EXPECT_EQ(spec.gemma4.input_size, 0);
  EXPECT_EQ(spec.kv_layer(3), 3);
}

TEST(Gemma4, TheLastLayersReadOthersKeys) {
  const ModelSpec spec = parse(kModel, kShared);
  EXPECT_EQ(spec.kv_layer(1), 1);
  EXPECT_EQ(spec.kv_layer(2), 0);
  EXPECT_EQ(spec.kv_layer(3), 1);
  EXPECT_EQ(spec.layer_inner_size(1), 96);
  EXPECT_EQ(spec.layer_inner_size(2), 192);
  EXPECT_EQ(spec.layer_kv_heads(3), 4) << "without attention_k_eq_v all layers have as many";
  EXPECT_EQ(spec.gemma4.input_size, 8);
  EXPECT_EQ(spec.gemma4.input_vocab, 100);
}

TEST(Gemma4, ASilentConfigIsTransformersDefault) {
  const ModelSpec spec = parse(kModel, R"({"num_hidden_layers":12})");
  EXPECT_EQ(spec.windows,
            (std::vector<std::int64_t>{512, 512, 512, 512, 512, 0, 512, 512, 512, 512, 512, 0}));
  EXPECT_EQ(spec.head_dim, 256);
  EXPECT_EQ(spec.gemma4.full_head_dim, 512);
  EXPECT_EQ(spec.gemma4.input_size, 256);
  EXPECT_EQ(spec.gemma4.input_vocab, 262144);
  EXPECT_EQ(spec.gemma4.kv_shared_layers, 0);
  EXPECT_EQ(spec.rope.theta, 1e6);
  EXPECT_EQ(spec.logit_soft_cap, 0);
  EXPECT_EQ(parse(kModel).windows.back(), 0) << "the last layer is full whatever the pattern";
}

TEST(Gemma4, WhatIsPrintedReadsTheSame) {
  for (const char* config : {kDense, kShared}) {
    const ModelSpec spec = parse(kModel, config);
    const ModelSpec back = parse_model_spec(print_model_spec(spec), "printed");
    EXPECT_EQ(back.windows, spec.windows);
    EXPECT_EQ(back.rope.partial_rotary_factor, spec.rope.partial_rotary_factor);
    EXPECT_EQ(back.rope.theta, spec.rope.theta);
    EXPECT_EQ(back.logit_soft_cap, spec.logit_soft_cap);
    EXPECT_EQ(back.gemma4.keys_as_values, spec.gemma4.keys_as_values);
    EXPECT_EQ(back.gemma4.wide_shared_mlp, spec.gemma4.wide_shared_mlp);
    EXPECT_EQ(back.gemma4.input_size, spec.gemma4.input_size);
    for (std::int64_t layer = 0; layer < 4; ++layer) {
      EXPECT_EQ(back.layer_head_dim(layer), spec.layer_head_dim(layer));
      EXPECT_EQ(back.layer_kv_heads(layer), spec.layer_kv_heads(layer));
      EXPECT_EQ(back.kv_layer(layer), spec.kv_layer(layer));
    }
  }
}

TEST(Gemma4, WhatItDoesNotComputeIsRefused) {
  EXPECT_REFUSED(kModel, R"({"enable_moe_block":true,"num_experts":8})", "\"enable_moe_block\"");
  EXPECT_REFUSED(kModel, R"({"use_bidirectional_attention":"all"})", "\"use_bidirectional_attention\"");
  EXPECT_REFUSED(kModel, R"({"num_kv_shared_layers":4})", "\"num_kv_shared_layers\" 4");
  EXPECT_REFUSED(kModel, R"({"num_kv_shared_layers":1})", "no full_attention layer before the last 1");
  EXPECT_REFUSED(kModel, R"({"vocab_size_per_layer_input":99})", "\"vocab_size_per_layer_input\" 99");
  EXPECT_REFUSED(kModel, R"({"per_layer_config":{"0":{"head_dim":8}}})", "\"per_layer_config\" of layer 0");
  EXPECT_REFUSED(kModel, R"({"per_layer_config":{"3":{"sliding_window":8}}})", "\"sliding_window\" is not");
  EXPECT_REFUSED(kModel, R"({"attention_k_eq_v":true,"num_global_key_value_heads":3})", "cannot share 3");
  EXPECT_REFUSED(kModel, R"({"rope_parameters":{"full_attention":{"rope_type":"yarn","factor":2}}})",
                 "\"rope_parameters\" needs \"sliding_attention\"");
  EXPECT_REFUSED(kModel, R"({"rope_parameters":{"full_attention":{"rope_type":"yarn","factor":2},
                 "sliding_attention":{"rope_type":"default"}}})",
                 "\"yarn\" is not supported (known: default, linear, proportional)");
  EXPECT_REFUSED(kModel, R"({"rope_scaling":{"rope_type":"linear","factor":2}})", "\"rope_scaling\"");
  EXPECT_REFUSED(kModel, R"({"architectures":["Gemma4ForSequenceClassification"]})", "is not supported");
}

}  // namespace
}  // namespace una::weights
