// Keys of config.json that only some families have.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "una/weights/config_testing.h"
#include "una/weights/family.h"

namespace una::weights {
namespace {

TEST(FamilyConfig, ReadsTheOtherRopeTypes) {
  EXPECT_EQ(parse("llama", R"({"rope_scaling":{"type":"linear","factor":2.0}})").rope.factor, 2);
  const ModelSpec dynamic =
      parse("llama", R"({"max_position_embeddings":64,"rope_scaling":{"type":"dynamic","factor":2.5}})");
  EXPECT_TRUE(dynamic.rope.depends_on_length());
  EXPECT_EQ(dynamic.position_limit(), 160);
  const RopeSpec yarn = parse("qwen2", R"({"max_position_embeddings":64,"rope_theta":500.0,"rope_scaling":{
      "rope_type":"yarn","factor":null,"original_max_position_embeddings":16,"beta_fast":20,"mscale":0.7,
      "mscale_all_dim":1.2,"truncate":false,"attention_factor":null}})")
                            .rope;
  EXPECT_EQ(yarn.type, "yarn");
  EXPECT_EQ(yarn.theta, 500);
  EXPECT_EQ(yarn.factor, 4) << "null: the ratio of the two lengths";
  EXPECT_EQ(yarn.original_max_positions, 16);
  EXPECT_EQ(yarn.beta_fast, 20);
  EXPECT_EQ(yarn.beta_slow, 1);
  EXPECT_EQ(yarn.mscale, 0.7);
  EXPECT_EQ(yarn.mscale_all_dim, 1.2);
  EXPECT_FALSE(yarn.truncate);
  EXPECT_EQ(yarn.attention_factor, 0);
  const ModelSpec phi = parse("phi3", R"({"max_position_embeddings":131072,"partial_rotary_factor":0.75,
      "original_max_position_embeddings":2048,"rope_scaling":{"type":"su","short_factor":[1,1.5,2],
      "long_factor":[2,3,4]}})");
  EXPECT_EQ(phi.rope.type, "longrope");
  EXPECT_EQ(phi.rope.partial_rotary_factor, 0.75);
  EXPECT_EQ(phi.rope.factor, 64);
  EXPECT_EQ(phi.rope.original_max_positions, 2048);
  EXPECT_EQ(phi.rope.short_factor, (std::vector<double>{1, 1.5, 2}));
  EXPECT_EQ(phi.rope.long_factor, (std::vector<double>{2, 3, 4}));
  EXPECT_TRUE(phi.recompute_at_long_rope);
  EXPECT_FALSE(parse("phi3").recompute_at_long_rope);
}

TEST(FamilyConfig, GemmasHaveTheirOwnArithmetic) {
  const ModelSpec one = parse("gemma", R"({"hidden_act":"gelu","hidden_activation":null})");
  EXPECT_EQ(one.activation, "gelu_pytorch_tanh") << "the first official files mean the tanh form";
  EXPECT_EQ(one.norm_style, NormStyle::kPlusOne);
  EXPECT_EQ(one.embedding_scale, 8);
  EXPECT_EQ(one.head_dim, 256);
  EXPECT_TRUE(one.tie_word_embeddings);
  EXPECT_EQ(one.windows, std::vector<std::int64_t>(4, 0));
  const ModelSpec two = parse("gemma2", R"({"hidden_act":"silu","query_pre_attn_scalar":64})");
  EXPECT_EQ(two.activation, "gelu_pytorch_tanh") << "gemma2 reads hidden_activation";
  EXPECT_EQ(two.attention_scale, 0.125);
  EXPECT_EQ(two.attention_soft_cap, 50);
  EXPECT_EQ(two.logit_soft_cap, 30);
  EXPECT_EQ(two.windows, (std::vector<std::int64_t>{4096, 0, 4096, 0}));
  const ModelSpec bare = parse("gemma2", R"({"attn_logit_softcapping":null,"final_logit_softcapping":null})");
  EXPECT_EQ(bare.attention_soft_cap, 0);
  EXPECT_EQ(bare.logit_soft_cap, 0);
  EXPECT_REFUSED("gemma2", R"({"final_logit_softcapping":0})", "final_logit_softcapping");
  EXPECT_REFUSED("gemma2", R"({"sliding_window":null})", "some layers slide");
}

TEST(FamilyConfig, GraniteScalesWhatLlamaDoesNot) {
  const ModelSpec spec = parse("granite", R"({"embedding_multiplier":12,"residual_multiplier":0.25,
      "attention_multiplier":0.5,"logits_scaling":8})");
  EXPECT_EQ(spec.embedding_scale, 12);
  EXPECT_EQ(spec.residual_scale, 0.25);
  EXPECT_EQ(spec.attention_scale, 0.5);
  EXPECT_EQ(spec.logit_scale, 0.125);
  EXPECT_EQ(parse("granite").attention_scale, 1) << "transformers' default, not 1 / sqrt(head_dim)";
  EXPECT_REFUSED("granite", R"({"logits_scaling":0})", "logits_scaling");
}

TEST(FamilyConfig, LayersSlideByPatternOrByList) {
  EXPECT_EQ(parse("olmo3").windows, (std::vector<std::int64_t>{4096, 4096, 4096, 0}));
  EXPECT_EQ(parse("ministral", R"({"sliding_window":64})").windows, std::vector<std::int64_t>(4, 64));
  EXPECT_EQ(parse("ministral", R"({"sliding_window":null})").windows, std::vector<std::int64_t>(4, 0));
  const ModelSpec exaone = parse("exaone4", R"({"sliding_window":64,"sliding_window_pattern":2})");
  EXPECT_EQ(exaone.windows, (std::vector<std::int64_t>{64, 0, 64, 0}));
  EXPECT_EQ(exaone.rope_layers, (std::vector<std::int8_t>{0, -1, 0, -1}));
  EXPECT_TRUE(parse("exaone4", R"({"sliding_window":null})").rope_layers.empty())
      << "without windows every layer has positions";
  EXPECT_REFUSED("olmo3", R"({"sliding_window":null})", "some layers slide");
  const ModelSpec olmo =
      parse("olmo3", R"({"rope_theta":1e4,"rope_scaling":{"rope_type":"linear","factor":2}})");
  EXPECT_EQ(olmo.rope.type, "linear");
  EXPECT_EQ(olmo.rope.theta, 1e4);
  EXPECT_EQ(olmo.local_rope.theta, 5e5) << "sliding layers keep the class's";
  EXPECT_EQ(olmo.rope_layers, (std::vector<std::int8_t>{1, 1, 1, 0}));
}

TEST(FamilyConfig, LayerNormsAndParallelBlocks) {
  const ModelSpec cohere = parse("cohere2", R"({"layer_norm_eps":0.5,"logit_scale":0.25})");
  EXPECT_EQ(cohere.norm_style, NormStyle::kLayerNorm);
  EXPECT_FALSE(cohere.norm_bias);
  EXPECT_TRUE(cohere.parallel_block && cohere.rope.interleaved && cohere.tie_word_embeddings);
  EXPECT_EQ(cohere.norm_eps, 0.5);
  EXPECT_EQ(cohere.logit_scale, 0.25);
  const ModelSpec starcoder = parse("starcoder2", R"({"norm_epsilon":0.5})");
  EXPECT_TRUE(starcoder.norm_bias && starcoder.mlp_bias && !starcoder.gated_mlp);
  EXPECT_EQ(starcoder.norm_eps, 0.5);
  const ModelSpec stablelm = parse("stablelm", R"({"use_parallel_residual":true,"head_dim":16})");
  EXPECT_TRUE(stablelm.parallel_block && stablelm.norm_bias && stablelm.gated_mlp);
  EXPECT_EQ(stablelm.rope.partial_rotary_factor, 0.25) << "the class's default";
  EXPECT_REFUSED("stablelm", R"({"qk_layernorm":true})", "qk_layernorm");
}

TEST(FamilyConfig, GptNeoxHasItsOwnKeys) {
  const char* older = R"({"rotary_pct":0.5,"rotary_emb_base":500,"layer_norm_eps":0.5,
      "use_parallel_residual":false,"hidden_act":"gelu_fast"})";
  const ModelSpec spec = parse("gpt_neox", older);
  EXPECT_EQ(spec.rope.partial_rotary_factor, 0.5);
  EXPECT_EQ(spec.rope.theta, 500);
  EXPECT_EQ(spec.norm_eps, 0.5);
  EXPECT_EQ(spec.activation, "gelu_pytorch_tanh") << "the same function";
  EXPECT_TRUE(spec.qkv_by_head && spec.norm_bias && !spec.gated_mlp);
  EXPECT_TRUE(spec.qkv_bias && spec.o_bias && spec.mlp_bias);
  EXPECT_FALSE(spec.parallel_block || spec.parallel_mlp_norm);
  const ModelSpec silent = parse("gpt_neox", R"({"attention_bias":false})");
  EXPECT_EQ(silent.rope.partial_rotary_factor, 0.25) << "the class's default";
  EXPECT_TRUE(silent.parallel_block && silent.parallel_mlp_norm && silent.mlp_bias);
  EXPECT_FALSE(silent.qkv_bias || silent.o_bias);
  EXPECT_EQ(silent.activation, "gelu");
  for (const ModelSpec& each : {spec, silent}) {
    const ModelSpec back = parse_model_spec(print_model_spec(each), "printed");
    EXPECT_EQ(back.rope.partial_rotary_factor, each.rope.partial_rotary_factor);
    EXPECT_EQ(back.rope.theta, each.rope.theta);
    EXPECT_EQ(back.parallel_mlp_norm, each.parallel_mlp_norm);
    EXPECT_EQ(back.qkv_bias, each.qkv_bias);
    EXPECT_EQ(back.norm_eps, each.norm_eps);
    EXPECT_EQ(back.head_dim, 8);
  }
  ModelSpec grouped = silent;
  grouped.num_kv_heads = 4;
  EXPECT_NE(error_of([&] { find_family(grouped); }).find("as many key-value heads as heads"),
            std::string::npos);
}

TEST(FamilyConfig, GptOssHasTransformersDefaults) {
  const ModelSpec silent = parse("gpt_oss", R"({"num_local_experts":32})");
  EXPECT_EQ(silent.rope.type, "yarn");
  EXPECT_EQ(silent.rope.theta, 150000);
  EXPECT_EQ(silent.rope.factor, 32);
  EXPECT_EQ(silent.rope.original_max_positions, 4096);
  EXPECT_FALSE(silent.rope.truncate);
  EXPECT_EQ(silent.windows, (std::vector<std::int64_t>{128, 0, 128, 0}));
  EXPECT_EQ(silent.head_dim, 64);
  EXPECT_EQ(silent.norm_style, NormStyle::kWide);
  EXPECT_TRUE(silent.attention_sinks && silent.qkv_bias && silent.o_bias);
  EXPECT_EQ(silent.moe.num_experts, 32);
  EXPECT_EQ(silent.moe.experts_per_token, 4);
  EXPECT_TRUE(silent.moe.router_bias && silent.moe.expert_bias && silent.moe.norm_topk_prob);
  EXPECT_EQ(silent.moe.swiglu_alpha, 1.702);
  EXPECT_EQ(silent.moe.swiglu_limit, 7);
  const ModelSpec given = parse("gpt_oss", R"({"num_local_experts":8,"num_experts_per_tok":2,"swiglu_limit":5,
      "attention_bias":false,"sliding_window":16,"layer_types":["full_attention","sliding_attention",
      "full_attention","sliding_attention"],"rope_parameters":{"rope_type":"default","rope_theta":500},
      "quantization_config":{"quant_method":"mxfp4","modules_to_not_convert":["lm_head"]}})");
  EXPECT_EQ(given.rope.type, "default");
  EXPECT_EQ(given.rope.theta, 500);
  EXPECT_FALSE(given.qkv_bias || given.o_bias);
  EXPECT_EQ(given.windows, (std::vector<std::int64_t>{0, 16, 0, 16}));
  for (const ModelSpec& each : {silent, given}) {
    const ModelSpec back = parse_model_spec(print_model_spec(each), "printed");
    EXPECT_EQ(back.rope.type, each.rope.type);
    EXPECT_EQ(back.rope.theta, each.rope.theta);
    EXPECT_EQ(back.rope.truncate, each.rope.truncate);
    EXPECT_EQ(back.windows, each.windows);
    EXPECT_EQ(back.qkv_bias, each.qkv_bias);
    EXPECT_EQ(back.moe.num_experts, each.moe.num_experts);
    EXPECT_EQ(back.moe.swiglu_limit, each.moe.swiglu_limit);
    EXPECT_TRUE(back.attention_sinks);
  }
  EXPECT_REFUSED("gpt_oss", R"({"swiglu_limit":0})", "swiglu_limit");
  EXPECT_REFUSED("gpt_oss", R"({"sliding_window":null})", "some layers slide");
  EXPECT_REFUSED("llama", R"({"quantization_config":{"quant_method":"gptq"}})",
                 "known: fp8, bitsandbytes, mxfp4");
}

TEST(FamilyConfig, AnUnknownFamilyIsRefusedWithTheNearestAndWhatDiffers) {
  EXPECT_REFUSED("qwen2_moe", R"({"num_experts":8})",
                 "the nearest is qwen2, but this config has \"num_experts\"");
  EXPECT_REFUSED("qwen3_moe_next", R"({"num_experts":8})", "the nearest is qwen3_moe");
  EXPECT_REFUSED("olmo4", "{}", "\"olmo4\" is not supported; the nearest is olmo2 (known: llama");
  EXPECT_REFUSED("xyz", "{}", "\"xyz\" is not supported (known: llama");
}

TEST(FamilyConfig, ARewardModelNeedsAClassOfTransformers) {
  EXPECT_REFUSED("granite", R"({"architectures":["GraniteForSequenceClassification"]})", "is not supported");
  const std::string error = error_of([] { reward_model_config(config("granite"), 0); });
  EXPECT_NE(error.find("no class for a reward model of granite"), std::string::npos) << error;
}

TEST(FamilyConfig, Gemma3TurnsGlobalAndLocalLayersDifferently) {
  const ModelSpec older = parse("gemma3_text", R"({"sliding_window":512,"sliding_window_pattern":3,
      "rope_theta":5e5,"rope_local_base_freq":2e4,"rope_scaling":{"rope_type":"linear","factor":8.0}})");
  const ModelSpec newer = parse("gemma3_text", R"({"sliding_window":512,"layer_types":["sliding_attention",
      "sliding_attention","full_attention","sliding_attention"],"rope_parameters":{
      "full_attention":{"rope_type":"linear","factor":8.0,"rope_theta":5e5},
      "sliding_attention":{"rope_type":"default","rope_theta":2e4}}})");
  for (const ModelSpec& spec : {older, newer}) {
    EXPECT_EQ(spec.rope.type, "linear");
    EXPECT_EQ(spec.rope.theta, 5e5);
    EXPECT_EQ(spec.rope.factor, 8);
    EXPECT_EQ(spec.local_rope.type, "default");
    EXPECT_EQ(spec.local_rope.theta, 2e4);
    EXPECT_EQ(spec.windows, (std::vector<std::int64_t>{512, 512, 0, 512}));
    EXPECT_EQ(spec.rope_layers, (std::vector<std::int8_t>{1, 1, 0, 1}));
    EXPECT_EQ(spec.qk_norm, QkNorm::kHead);
  }
  const ModelSpec silent = parse("gemma3_text");
  EXPECT_EQ(silent.rope.theta, 1e6);
  EXPECT_EQ(silent.local_rope.theta, 1e4);
  EXPECT_EQ(silent.logit_soft_cap, 0);
  EXPECT_EQ(
      parse("gemma3_text", R"({"architectures":["Gemma3TextForSequenceClassification"],"num_labels":1})")
          .architecture,
      "Gemma3TextForSequenceClassification");
  EXPECT_REFUSED("gemma3_text", R"({"attn_logit_softcapping":50.0})", "attn_logit_softcapping");
  EXPECT_REFUSED("gemma3_text",
                 R"({"rope_parameters":{"sliding_attention":{"rope_type":"linear","factor":2}}})",
                 "sliding layers");
}

TEST(FamilyConfig, Qwen3AndOlmo2NormQueriesAndKeys) {
  const ModelSpec qwen3 = parse("qwen3", R"({"attention_bias":true})");
  EXPECT_EQ(qwen3.qk_norm, QkNorm::kHead);
  EXPECT_EQ(qwen3.norm_style, NormStyle::kRounded);
  EXPECT_EQ(qwen3.head_dim, 128);
  EXPECT_TRUE(qwen3.qkv_bias && qwen3.o_bias);
  const ModelSpec olmo2 = parse("olmo2");
  EXPECT_EQ(olmo2.qk_norm, QkNorm::kProjection);
  EXPECT_EQ(olmo2.norm_style, NormStyle::kWide);
  EXPECT_EQ(olmo2.norm_eps, 1e-5);
  EXPECT_EQ(olmo2.pad_id, 1);
}

TEST(FamilyConfig, MixturesOfExpertsHaveTransformersDefaults) {
  const ModelSpec mixtral = parse("mixtral");
  EXPECT_EQ(mixtral.moe.num_experts, 8);
  EXPECT_EQ(mixtral.moe.experts_per_token, 2);
  EXPECT_EQ(mixtral.moe.expert_size, 96) << "intermediate_size";
  EXPECT_TRUE(mixtral.moe.norm_topk_prob && mixtral.is_sparse(3));
  EXPECT_EQ(mixtral.moe.router_aux_loss_coef, 0.001);
  EXPECT_EQ(mixtral.rope.theta, 1e6);
  EXPECT_EQ(mixtral.windows, std::vector<std::int64_t>(4, 0));
  const ModelSpec olmoe = parse("olmoe", R"({"num_experts":16,"num_experts_per_tok":4,"clip_qkv":null})");
  EXPECT_EQ(olmoe.moe.num_experts, 16);
  EXPECT_EQ(olmoe.moe.experts_per_token, 4);
  EXPECT_FALSE(olmoe.moe.norm_topk_prob);
  EXPECT_EQ(olmoe.qk_norm, QkNorm::kProjection);
  EXPECT_EQ(olmoe.norm_style, NormStyle::kRounded);
  const ModelSpec qwen = parse("qwen3_moe", R"({"num_local_experts":16,"norm_topk_prob":true,
      "decoder_sparse_step":2,"mlp_only_layers":[3],"output_router_logits":true,"router_aux_loss_coef":0})");
  EXPECT_EQ(qwen.moe.num_experts, 16) << "the other spelling, which transformers writes";
  EXPECT_EQ(qwen.moe.experts_per_token, 8);
  EXPECT_EQ(qwen.moe.expert_size, 768);
  EXPECT_EQ(qwen.head_dim, 8) << "hidden_size over heads: no default of its own";
  EXPECT_EQ(qwen.moe.sparse_layers, (std::vector<bool>{false, true, false, false}));
  EXPECT_TRUE(qwen.moe.output_router_logits);
  EXPECT_EQ(qwen.moe.router_aux_loss_coef, 0);
  const ModelSpec granite = parse("granitemoe", R"({"logits_scaling":8,"num_local_experts":4})");
  EXPECT_EQ(granite.moe.num_experts, 4);
  EXPECT_EQ(granite.logit_scale, 0.125);
  EXPECT_EQ(granite.attention_scale, 1);
  EXPECT_TRUE(parse("qwen3_moe").moe.sparse_layers.empty()) << "all of them";
  EXPECT_EQ(parse("llama").moe.num_experts, 0);
}

TEST(FamilyConfig, MixturesOfExpertsAreReadBackAsPrinted) {
  for (const ModelSpec& spec :
       {parse("mixtral", R"({"sliding_window":64})"), parse("granitemoe", R"({"residual_multiplier":0.5})"),
        parse("olmoe", R"({"attention_bias":true})"),
        parse("qwen3_moe",
              R"({"mlp_only_layers":[0,2],"norm_topk_prob":true,"moe_intermediate_size":24})")}) {
    const ModelSpec back = parse_model_spec(print_model_spec(spec), "printed");
    EXPECT_EQ(back.moe.num_experts, spec.moe.num_experts);
    EXPECT_EQ(back.moe.experts_per_token, spec.moe.experts_per_token);
    EXPECT_EQ(back.moe.expert_size, spec.moe.expert_size);
    EXPECT_EQ(back.moe.norm_topk_prob, spec.moe.norm_topk_prob);
    EXPECT_EQ(back.moe.sparse_layers, spec.moe.sparse_layers);
    EXPECT_EQ(back.moe.router_aux_loss_coef, spec.moe.router_aux_loss_coef);
    EXPECT_EQ(back.windows, spec.windows);
    EXPECT_EQ(back.qkv_bias, spec.qkv_bias);
  }
}

TEST(FamilyConfig, AMixtureOfExpertsThatItDoesNotKnowIsRefused) {
  EXPECT_REFUSED("mixtral", R"({"num_experts_per_tok":9})", "is 9, but there are 8 experts");
  EXPECT_REFUSED("mixtral", R"({"router_jitter_noise":0.1})", "router_jitter_noise");
  EXPECT_REFUSED("mixtral", R"({"n_shared_experts":1})", "n_shared_experts");
  EXPECT_REFUSED("olmoe", R"({"clip_qkv":8.0})", "clip_qkv");
  EXPECT_REFUSED("olmoe", R"({"num_experts":100000})", "too many");
  EXPECT_REFUSED("qwen3_moe", R"({"mlp_only_layers":[1.5]})", "mlp_only_layers");
  EXPECT_REFUSED("qwen3_moe", R"({"mlp_only_layers":3})", "mlp_only_layers");
  EXPECT_REFUSED("qwen3_moe", R"({"router_aux_loss_coef":-1})", "negative");
  EXPECT_REFUSED("llama", R"({"num_local_experts":8})", "a llama model has no experts");
}

constexpr Mixer kConv = Mixer::kShortConvolution, kAttention = Mixer::kAttention;

TEST(FamilyConfig, Lfm2HasConvolutionsWhereItHasNoAttention) {
  // The keys of LiquidAI's files.
  const ModelSpec hub = parse("lfm2", R"({"-intermediate_size":0,"block_ff_dim":12288,
      "block_auto_adjust_ff_dim":true,"block_ffn_dim_multiplier":1.0,"block_multiple_of":256,
      "full_attn_idxs":[2],"conv_L_cache":3,"conv_bias":false,"norm_eps":1e-5,"rope_theta":1000000.0})");
  EXPECT_EQ(hub.intermediate_size, 8192);
  EXPECT_EQ(hub.mixers, (std::vector<Mixer>{kConv, kConv, kAttention, kConv}));
  EXPECT_EQ(hub.conv_kernel, 3);
  EXPECT_FALSE(hub.conv_bias);
  EXPECT_TRUE(hub.tie_word_embeddings);
  EXPECT_EQ(hub.qk_norm, QkNorm::kHead);
  EXPECT_EQ(hub.norm_style, NormStyle::kRounded);
  EXPECT_EQ(hub.max_positions, 128000);
  const ModelSpec silent = parse("lfm2");
  EXPECT_EQ(silent.mixers, std::vector<Mixer>(4, kAttention)) << "as transformers reads it";
  EXPECT_EQ(silent.intermediate_size, 256) << "64 of 96, to a multiple of 256";
  EXPECT_EQ(silent.norm_eps, 1e-5);
  EXPECT_EQ(silent.rope.theta, 1e6);
  const ModelSpec listed =
      parse("lfm2", R"({"layer_types":["conv","full_attention","conv","conv"],"conv_L_cache":5,
      "conv_bias":true,"block_multiple_of":8,"block_ffn_dim_multiplier":1.3,"tie_embedding":false,
      "full_attn_idxs":[0]})");
  EXPECT_EQ(listed.mixers, (std::vector<Mixer>{kConv, kAttention, kConv, kConv})) << "layer_types come first";
  EXPECT_EQ(listed.intermediate_size, 88) << "83 of 64 * 1.3";
  EXPECT_FALSE(listed.tie_word_embeddings);
  EXPECT_EQ(parse("lfm2", R"({"block_ffn_dim_multiplier":null})").intermediate_size, 64);
  EXPECT_EQ(parse("lfm2", R"({"block_auto_adjust_ff_dim":false})").intermediate_size, 96);
  const ModelSpec back = parse_model_spec(print_model_spec(listed), "printed");
  EXPECT_EQ(back.mixers, listed.mixers);
  EXPECT_EQ(back.intermediate_size, listed.intermediate_size);
  EXPECT_EQ(back.conv_kernel, 5);
  EXPECT_TRUE(back.conv_bias);
  EXPECT_EQ(back.norm_eps, listed.norm_eps);
}

TEST(FamilyConfig, Qwen35HasGatedDeltaRulesWhereItHasNoAttention) {
  constexpr Mixer kDelta = Mixer::kGatedDeltaRule;
  const ModelSpec silent = parse("qwen3_5_text");
  EXPECT_EQ(silent.mixers, (std::vector<Mixer>{kDelta, kDelta, kDelta, kAttention}));
  EXPECT_EQ(silent.conv_kernel, 4);
  EXPECT_EQ(silent.delta_rule.num_key_heads, 16);
  EXPECT_EQ(silent.delta_rule.num_value_heads, 32);
  EXPECT_EQ(silent.delta_rule.key_head_dim, 128);
  EXPECT_EQ(silent.delta_rule.value_head_dim, 128);
  EXPECT_EQ(silent.head_dim, 256);
  EXPECT_EQ(silent.max_positions, 32768);
  EXPECT_EQ(silent.rope.partial_rotary_factor, 0.25);
  EXPECT_EQ(silent.norm_style, NormStyle::kPlusOne);
  EXPECT_TRUE(silent.attention_gate);
  EXPECT_FALSE(silent.tie_word_embeddings || silent.qkv_bias);
  // The keys of Qwen's files.
  const ModelSpec hub = parse("qwen3_5_text", R"({"attn_output_gate":true,"full_attention_interval":2,
      "mamba_ssm_dtype":"float32","mtp_num_hidden_layers":1,"linear_num_key_heads":2,"linear_num_value_heads":6,
      "linear_key_head_dim":24,"linear_value_head_dim":8,"linear_conv_kernel_dim":3,"attention_bias":true,
      "head_dim":16,"rope_parameters":{"mrope_interleaved":true,"mrope_section":[11,11,10],"rope_type":"default",
      "rope_theta":10000000,"partial_rotary_factor":0.5}})");
  EXPECT_EQ(hub.mixers, (std::vector<Mixer>{kDelta, kAttention, kDelta, kAttention}));
  EXPECT_EQ(hub.rope.theta, 1e7);
  EXPECT_EQ(hub.rope.partial_rotary_factor, 0.5);
  const ModelSpec back = parse_model_spec(print_model_spec(hub), "printed");
  EXPECT_EQ(back.mixers, hub.mixers);
  EXPECT_EQ(back.conv_kernel, 3);
  EXPECT_EQ(back.delta_rule.num_key_heads, 2);
  EXPECT_EQ(back.delta_rule.num_value_heads, 6);
  EXPECT_EQ(back.delta_rule.key_head_dim, 24);
  EXPECT_EQ(back.delta_rule.value_head_dim, 8);
  EXPECT_EQ(back.rope.partial_rotary_factor, 0.5);
  EXPECT_TRUE(back.qkv_bias && back.o_bias);
}

TEST(FamilyConfig, AQwen35ThatDoesNotFitIsRefused) {
  EXPECT_REFUSED("qwen3_5_text", R"({"layer_types":["linear_attention"]})", "has 1 entries for 4 layers");
  EXPECT_REFUSED("qwen3_5_text", R"({"full_attention_interval":0})", "full_attention_interval");
  EXPECT_REFUSED("qwen3_5_text",
                 R"({"layer_types":["linear_attention","conv","full_attention","full_attention"]})",
                 "\"conv\" is not supported");
  const auto problem = [](const std::string& changes) {
    return error_of([&] { find_family(parse("qwen3_5_text", changes)); });
  };
  EXPECT_NE(problem(R"({"linear_num_value_heads":24})")
                .find("linear_num_value_heads 24 is not a multiple of linear_num_key_heads 16"),
            std::string::npos);
  EXPECT_NE(problem(R"({"hidden_act":"gelu"})").find("computes with silu"), std::string::npos);
  EXPECT_EQ(problem("{}"), "no error");
}

TEST(FamilyConfig, AnLfm2ThatDoesNotFitIsRefused) {
  EXPECT_REFUSED("lfm2", R"({"layer_types":["conv"]})", "has 1 entries for 4 layers");
  EXPECT_REFUSED("lfm2", R"({"layer_types":["conv","conv","conv","mamba"]})", "\"mamba\" is not supported");
  EXPECT_REFUSED("lfm2", R"({"full_attn_idxs":[4]})", "which are 0 to 3");
  EXPECT_REFUSED("lfm2", R"({"full_attn_idxs":2})", "must be a list");
  EXPECT_REFUSED("lfm2", R"({"conv_L_cache":0})", "conv_L_cache");
  EXPECT_REFUSED("lfm2", R"({"block_ffn_dim_multiplier":1e20})", "too large");
  EXPECT_REFUSED("lfm2_moe", R"({"num_experts":32})",
                 "the nearest is lfm2, but this config has \"num_experts\"");
  EXPECT_REFUSED("lfm2", R"({"architectures":["Lfm2ForSequenceClassification"]})", "is not supported");
}

TEST(FamilyConfig, SmolLM3HasLayersWithoutPositions) {
  const ModelSpec usual = parse("smollm3", R"({"num_key_value_heads":2})");
  EXPECT_EQ(usual.rope_layers, (std::vector<std::int8_t>{0, 0, 0, -1}));
  EXPECT_EQ(usual.rope.theta, 2e6);
  EXPECT_EQ(usual.windows, std::vector<std::int64_t>(4, 0));
  EXPECT_TRUE(usual.tie_word_embeddings);
  const ModelSpec listed = parse("smollm3", R"({"no_rope_layers":[0,1,1,0,1],"use_sliding_window":true,
      "sliding_window":7,"mlp_bias":true})");
  EXPECT_EQ(listed.rope_layers, (std::vector<std::int8_t>{-1, 0, 0, -1}));
  EXPECT_EQ(listed.windows, (std::vector<std::int64_t>{7, 0, 0, 7}));
  EXPECT_TRUE(listed.mlp_bias);
  const ModelSpec back = parse_model_spec(print_model_spec(listed), "printed");
  EXPECT_EQ(back.rope_layers, listed.rope_layers);
  EXPECT_EQ(back.windows, listed.windows);
  EXPECT_REFUSED("smollm3", R"({"no_rope_layers":[1,0]})", "must list 4 layers");
  EXPECT_REFUSED("smollm3", R"({"no_rope_layers":[1,0,2,1]})", "0 or 1");
  EXPECT_REFUSED("smollm3", R"({"layer_types":["sliding_attention","full_attention","full_attention",
                 "full_attention"]})",
                 "use_sliding_window");
}

}  // namespace
}  // namespace una::weights
