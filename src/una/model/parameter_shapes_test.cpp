#include "una/model/parameter_shapes.h"

#include <gtest/gtest.h>

#include "una/base/format.h"
#include "una/core/tiny_spec_testing.h"
#include "una/weights/family.h"

namespace una::model {
namespace {

TEST(ParameterShapes, FusedProjectionsAndAbsentNormsShowInTheNames) {
  ModelSpec spec = tiny_spec({.layers = 1});
  spec.model_type = "phi3";
  std::vector<std::string> names;
  for (const ParameterShape& shape : parameter_shapes(spec, weights::find_family(spec).names)) {
    if (starts_with(shape.name, "model.layers.")) { names.push_back(shape.name.substr(15)); }
  }
  EXPECT_EQ(join(names, " "),
            "self_attn.qkv_proj.weight self_attn.o_proj.weight mlp.gate_up_proj.weight mlp.down_proj.weight "
            "input_layernorm.weight post_attention_layernorm.weight");
  spec.model_type = "olmo2";
  spec.qk_norm = QkNorm::kProjection;
  names.clear();
  for (const ParameterShape& shape : parameter_shapes(spec, weights::find_family(spec).names)) {
    if (shape.kind == ParameterShape::Kind::kNorm) { names.push_back(cat(shape.name, " ", shape.shape[0])); }
  }
  EXPECT_EQ(join(names, ", "),
            "model.layers.0.self_attn.q_norm.weight 24, model.layers.0.self_attn.k_norm.weight 12, "
            "model.layers.0.post_attention_layernorm.weight 16, "
            "model.layers.0.post_feedforward_layernorm.weight 16, model.norm.weight 16");
}

TEST(ParameterShapes, AConvolutionHasThePlaceOfAttention) {
  ModelSpec spec = tiny_spec({.layers = 2});
  spec.model_type = "lfm2";
  spec.qk_norm = QkNorm::kHead;
  spec.mixers = {Mixer::kShortConvolution, Mixer::kAttention};
  spec.conv_kernel = 3;
  const PartNames names = weights::find_family(spec).names;
  std::vector<std::string> found;
  for (const ParameterShape& shape : parameter_shapes(spec, names)) {
    if (!starts_with(shape.name, "model.layers.0.")) { continue; }
    std::vector<std::string> sizes;
    for (const std::int64_t size : shape.shape) { sizes.push_back(std::to_string(size)); }
    found.push_back(shape.name.substr(15) + " " + join(sizes, "x"));
  }
  EXPECT_EQ(join(found, ", "),
            "conv.conv.weight 16x1x3, conv.in_proj.weight 48x16, conv.out_proj.weight 16x16, "
            "feed_forward.w1.weight 24x16, feed_forward.w3.weight 24x16, feed_forward.w2.weight 16x24, "
            "operator_norm.weight 16, ffn_norm.weight 16");
  EXPECT_EQ(mixer_inputs(spec, names, 0), std::vector<std::string>{"conv.in_proj"});
  EXPECT_EQ(mixer_inputs(spec, names, 1).size(), 3U);
  EXPECT_EQ(mixer_output(spec, names, 1), "self_attn.out_proj");
}

TEST(ParameterShapes, AGatedDeltaRuleHasThePlaceOfAttention) {
  ModelSpec spec = tiny_spec({.layers = 2});
  spec.model_type = "qwen3_5_text";
  spec.norm_style = NormStyle::kPlusOne;
  spec.qk_norm = QkNorm::kHead;
  spec.attention_gate = true;
  spec.mixers = {Mixer::kGatedDeltaRule, Mixer::kAttention};
  spec.conv_kernel = 3;
  spec.delta_rule = {.num_key_heads = 2, .num_value_heads = 4, .key_head_dim = 5, .value_head_dim = 6};
  const PartNames names = weights::find_family(spec).names;
  std::vector<std::string> found;
  for (const ParameterShape& shape : parameter_shapes(spec, names)) {
    const bool gated = shape.name == "model.layers.1.self_attn.q_proj.weight";
    if (gated) { EXPECT_EQ(shape.shape[0], 2 * spec.num_heads * spec.head_dim) << "each head and its gate"; }
    if (!starts_with(shape.name, "model.layers.0.linear_attn.")) { continue; }
    std::vector<std::string> sizes;
    for (const std::int64_t size : shape.shape) { sizes.push_back(std::to_string(size)); }
    found.push_back(shape.name.substr(27) + " " + join(sizes, "x"));
  }
  EXPECT_EQ(
      join(found, ", "),
      "dt_bias 4, A_log 4, conv1d.weight 44x1x3, norm.weight 6, out_proj.weight 16x24, in_proj_qkv.weight "
      "44x16, in_proj_z.weight 24x16, in_proj_b.weight 4x16, in_proj_a.weight 4x16");
  EXPECT_EQ(mixer_inputs(spec, names, 0).size(), 4U);
  EXPECT_EQ(mixer_output(spec, names, 0), "linear_attn.out_proj");
}

TEST(ParameterShapes, ParameterNamesFollowTheSpec) {
  ModelSpec spec = tiny_spec({.layers = 1});
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
