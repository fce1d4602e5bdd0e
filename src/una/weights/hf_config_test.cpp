#include "una/weights/hf_config.h"

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/base/rng.h"
#include "una/base/testing.h"
#include "una/weights/config_testing.h"
#include "una/weights/testing.h"

namespace una::weights {
namespace {

TEST(HfConfig, ReadsALlamaWithDefaults) {
  const ModelSpec spec = parse("llama");
  EXPECT_EQ(spec.model_type, "llama");
  EXPECT_EQ(spec.architecture, "LlamaForCausalLM");
  EXPECT_EQ(spec.hidden_size, 64);
  EXPECT_EQ(spec.intermediate_size, 96);
  EXPECT_EQ(spec.num_layers, 4);
  EXPECT_EQ(spec.num_heads, 8);
  EXPECT_EQ(spec.num_kv_heads, 4);
  EXPECT_EQ(spec.head_dim, 8);
  EXPECT_EQ(spec.vocab_size, 100);
  EXPECT_EQ(spec.max_positions, 2048);
  EXPECT_EQ(spec.norm_eps, 1e-6);
  EXPECT_EQ(spec.activation, "silu");
  EXPECT_FALSE(spec.tie_word_embeddings);
  EXPECT_FALSE(spec.qkv_bias || spec.o_bias || spec.mlp_bias);
  EXPECT_EQ(spec.windows, std::vector<std::int64_t>(4, 0));
  EXPECT_EQ(spec.rope.type, "default");
  EXPECT_EQ(spec.rope.theta, 10000);
  EXPECT_EQ(spec.torch_dtype, "");
  EXPECT_EQ(spec.bos_id, 1);
  EXPECT_EQ(spec.eos_ids, std::vector<std::int32_t>{2});
  EXPECT_EQ(spec.pad_id, -1);
  EXPECT_FALSE(spec.is_reward_model());
}

TEST(HfConfig, KeyValueHeadsFollowTransformersWhenSilent) {
  EXPECT_EQ(parse("llama", R"({"-num_key_value_heads":0})").num_kv_heads, 8);
  EXPECT_EQ(parse("mistral", R"({"-num_key_value_heads":0,"num_attention_heads":16})").num_kv_heads, 8);
  EXPECT_EQ(parse("mistral", R"({"num_key_value_heads":null,"num_attention_heads":16})").num_kv_heads, 16);
  EXPECT_EQ(parse("qwen2", R"({"num_key_value_heads":null})").num_kv_heads, 8);
}

TEST(HfConfig, HeadDimIsNotHiddenOverHeads) {
  EXPECT_EQ(parse("llama", R"({"head_dim":128})").head_dim, 128);
  EXPECT_EQ(parse("mistral", R"({"head_dim":null})").head_dim, 8);
  EXPECT_EQ(parse("qwen2", R"({"head_dim":32,"hidden_size":100})").head_dim, 32);
}

TEST(HfConfig, BiasesAreTheFamilies) {
  const ModelSpec llama = parse("llama", R"({"attention_bias":true,"mlp_bias":true})");
  EXPECT_TRUE(llama.qkv_bias && llama.o_bias && llama.mlp_bias);
  const ModelSpec qwen2 = parse("qwen2");
  EXPECT_TRUE(qwen2.qkv_bias);
  EXPECT_FALSE(qwen2.o_bias || qwen2.mlp_bias);
  const ModelSpec mistral = parse("mistral");
  EXPECT_FALSE(mistral.qkv_bias || mistral.o_bias || mistral.mlp_bias);
}

TEST(HfConfig, TokenIdsMayBeOneSeveralOrNone) {
  EXPECT_EQ(parse("llama", R"({"eos_token_id":[5,6,7]})").eos_ids, (std::vector<std::int32_t>{5, 6, 7}));
  EXPECT_TRUE(parse("llama", R"({"eos_token_id":null})").eos_ids.empty());
  EXPECT_TRUE(parse("qwen2").eos_ids.empty());
  EXPECT_EQ(parse("qwen2").bos_id, -1);
  EXPECT_EQ(parse("llama", R"({"bos_token_id":null,"pad_token_id":-1})").bos_id, -1);
  EXPECT_EQ(parse("llama", R"({"pad_token_id":-1})").pad_id, -1);
  EXPECT_EQ(parse("llama", R"({"pad_token_id":9})").pad_id, 9);
  EXPECT_REFUSED("llama", R"({"eos_token_id":"</s>"})", "must be a token id");
  EXPECT_REFUSED("llama", R"({"eos_token_id":100})", "beyond the model's vocabulary of 100");
  EXPECT_REFUSED("llama", R"({"eos_token_id":18446744073709551615})", "is not a token id");
  EXPECT_REFUSED("llama", R"({"pad_token_id":4294967296})", "is not a token id");
}

TEST(HfConfig, MistralSlidesInAllLayersOrNone) {
  EXPECT_EQ(parse("mistral").windows, std::vector<std::int64_t>(4, 4096));
  EXPECT_EQ(parse("mistral", R"({"sliding_window":32})").windows, std::vector<std::int64_t>(4, 32));
  EXPECT_EQ(parse("mistral", R"({"sliding_window":null})").windows, std::vector<std::int64_t>(4, 0));
  EXPECT_REFUSED("mistral", R"({"sliding_window":0})", "sliding_window");
  EXPECT_REFUSED("mistral", R"({"sliding_window":32,"layer_types":["full_attention","sliding_attention",
                 "full_attention","sliding_attention"]})",
                 "layer_types");
}

TEST(HfConfig, Qwen2SlidesFromMaxWindowLayersOnIfAsked) {
  EXPECT_EQ(parse("qwen2", R"({"sliding_window":32,"max_window_layers":1})").windows,
            std::vector<std::int64_t>(4, 0));
  EXPECT_EQ(
      parse("qwen2", R"({"sliding_window":32,"max_window_layers":1,"use_sliding_window":true})").windows,
      (std::vector<std::int64_t>{0, 32, 32, 32}));
  EXPECT_EQ(parse("qwen2", R"({"sliding_window":32,"use_sliding_window":true})").windows,
            std::vector<std::int64_t>(4, 0));
  EXPECT_EQ(
      parse("qwen2", R"({"sliding_window":null,"max_window_layers":0,"use_sliding_window":true})").windows,
      std::vector<std::int64_t>(4, 0));
  EXPECT_EQ(
      parse("qwen2", R"({"sliding_window":32,"use_sliding_window":true,"max_window_layers":4,"layer_types":
                  ["sliding_attention","full_attention","full_attention","sliding_attention"]})")
          .windows,
      (std::vector<std::int64_t>{32, 0, 0, 32}));
  EXPECT_REFUSED("qwen2", R"({"layer_types":["full_attention"]})", "1 entries for 4 layers");
  EXPECT_REFUSED("qwen2", R"({"layer_types":["chunked_attention"]})", "chunked_attention");
  EXPECT_REFUSED("qwen2", R"({"layer_types":["full_attention","full_attention","full_attention",
                 "sliding_attention"]})",
                 "use_sliding_window");
}

TEST(HfConfig, ReadsBothSpellingsOfRope) {
  EXPECT_EQ(parse("llama", R"({"rope_theta":500000.0,"rope_scaling":null})").rope.theta, 500000);
  EXPECT_EQ(parse("llama", R"({"rope_parameters":{"rope_theta":1e6,"rope_type":"default"}})").rope.theta,
            1e6);
  EXPECT_EQ(parse("llama", R"({"rope_theta":5.0,"rope_parameters":{"rope_type":"default"}})").rope.theta, 5);
  EXPECT_EQ(parse("llama", R"({"rope_theta":5.0,"rope_parameters":null})").rope.theta, 5);
  EXPECT_EQ(parse("llama", R"({"rope_scaling":{"type":"default"}})").rope.type, "default");
}

constexpr const char* kLlama3 =
    R"("factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":8192)";

TEST(HfConfig, ReadsLlama3RopeInBothSpellings) {
  const std::string older =
      std::string(R"({"max_position_embeddings":131072,"rope_theta":500000.0,"rope_scaling":{)"
                  R"("rope_type":"llama3",)") +
      kLlama3 + "}}";
  const std::string newer =
      std::string(R"({"rope_parameters":{"rope_theta":500000.0,"rope_type":"llama3",)") + kLlama3 + "}}";
  for (const std::string& changes : {older, newer}) {
    const RopeSpec rope = parse("llama", changes).rope;
    EXPECT_EQ(rope.type, "llama3");
    EXPECT_EQ(rope.theta, 500000);
    EXPECT_EQ(rope.factor, 8);
    EXPECT_EQ(rope.low_freq_factor, 1);
    EXPECT_EQ(rope.high_freq_factor, 4);
    EXPECT_EQ(rope.original_max_positions, 8192);
  }
  EXPECT_EQ(parse("llama", R"({"max_position_embeddings":777,"rope_scaling":{"rope_type":"llama3","factor":2,
                  "low_freq_factor":1,"high_freq_factor":4}})")
                .rope.original_max_positions,
            777);
}

TEST(HfConfig, RefusesOtherRopesByName) {
  for (const char* type : {"su", "mrope", "proportional"}) {
    EXPECT_REFUSED("llama", std::string(R"({"rope_scaling":{"factor":2.0,"type":")") + type + "\"}}",
                   std::string("the rope type \"") + type + "\" is not supported");
  }
  EXPECT_REFUSED("llama", R"({"rope_scaling":{"rope_type":"llama3","factor":8.0}})",
                 "needs \"low_freq_factor\"");
  EXPECT_REFUSED("llama", R"({"rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":4,
                 "high_freq_factor":4}})",
                 "must be above");
  EXPECT_REFUSED("llama", R"({"rope_parameters":{"full_attention":{"rope_theta":1.0}}})",
                 "each kind of layer");
  EXPECT_REFUSED("llama", R"({"partial_rotary_factor":0.5})", "partial_rotary_factor");
  EXPECT_REFUSED("llama", R"({"rope_parameters":{"partial_rotary_factor":0.5}})", "partial_rotary_factor");
  EXPECT_REFUSED("llama", R"({"rope_theta":-1})", "rope_theta");
  EXPECT_REFUSED("llama", R"({"rope_scaling":"llama3"})", "must be a JSON object");
  EXPECT_REFUSED("llama", R"({"rope_scaling":{"rope_type":"linear"}})", "needs \"factor\"");
  EXPECT_REFUSED("llama", R"({"rope_scaling":{"rope_type":"dynamic","factor":0.5}})", "at least 1");
  EXPECT_REFUSED("llama", R"({"rope_scaling":{"rope_type":"yarn"}})", "needs \"factor\"");
  EXPECT_REFUSED("llama", R"({"rope_scaling":{"rope_type":"yarn","factor":2,"mscale":"x"}})", "mscale");
  EXPECT_REFUSED("llama", R"({"rope_scaling":{"rope_type":"longrope","short_factor":[1,2,3,4]}})",
                 "\"long_factor\" with 4 numbers, found 0");
  EXPECT_REFUSED("phi3", R"({"rope_scaling":{"rope_type":"linear","factor":2}})",
                 "is not supported (known: default, longrope)");
  EXPECT_REFUSED("phi3", R"({"partial_rotary_factor":0.4})", "turns 3 of 8");
  EXPECT_REFUSED("gemma3_text", R"({"rope_parameters":{"rope_theta":1.0}})", "known: full_attention");
}

TEST(HfConfig, GenerationConfigAddsItsEndIds) {
  const std::string folder = test_folder("generation-config");
  write_file(folder + "/config.json", config("llama", R"({"eos_token_id":[5,6]})"));
  EXPECT_EQ(read_model_spec(folder).eos_ids, (std::vector<std::int32_t>{5, 6}));
  write_file(folder + "/generation_config.json", R"({"eos_token_id":[7,6,9],"temperature":0.6})");
  EXPECT_EQ(read_model_spec(folder).eos_ids, (std::vector<std::int32_t>{5, 6, 7, 9}));
  write_file(folder + "/generation_config.json", R"({"eos_token_id":8})");
  EXPECT_EQ(read_model_spec(folder).eos_ids, (std::vector<std::int32_t>{5, 6, 8}));
  write_file(folder + "/generation_config.json", R"({"temperature":0.6,"eos_token_id":null})");
  EXPECT_EQ(read_model_spec(folder).eos_ids, (std::vector<std::int32_t>{5, 6}));
  write_file(folder + "/generation_config.json", R"({"eos_token_id":"</s>"})");
  EXPECT_NE(error_of([&] { read_model_spec(folder); }).find("generation_config.json: \"eos_token_id\""),
            std::string::npos);
  write_file(folder + "/generation_config.json", "[]");
  EXPECT_NE(error_of([&] { read_model_spec(folder); }).find("generation_config.json"), std::string::npos);
}

TEST(HfConfig, ASmallModelKeepsItsFamilysEndIdInBothFiles) {
  const std::string folder = test_folder("small-olmo2");
  write_file(folder + "/config.json", config("olmo2"));
  write_file(folder + "/generation_config.json", R"({"eos_token_id":50279})");
  EXPECT_EQ(read_model_spec(folder).eos_ids, (std::vector<std::int32_t>{50279}));
  write_file(folder + "/generation_config.json", R"({"eos_token_id":50280})");
  EXPECT_NE(error_of([&] { read_model_spec(folder); }).find("generation_config.json: \"eos_token_id\" 50280"),
            std::string::npos);
}

TEST(HfConfig, ReadsBothSpellingsOfDtype) {
  EXPECT_EQ(parse("llama", R"({"torch_dtype":"bfloat16"})").torch_dtype, "bfloat16");
  EXPECT_EQ(parse("llama", R"({"dtype":"float16"})").torch_dtype, "float16");
  EXPECT_EQ(parse("llama", R"({"dtype":"float32","torch_dtype":"bfloat16"})").torch_dtype, "float32");
  EXPECT_EQ(parse("llama", R"({"dtype":null,"torch_dtype":"torch.bfloat16"})").torch_dtype, "bfloat16");
  EXPECT_REFUSED("llama", R"({"dtype":"float8_e4m3fn"})", "float8_e4m3fn");
}

TEST(HfConfig, ArchitecturesDecide) {
  EXPECT_EQ(parse("llama", R"({"architectures":["LLaMAForCausalLM"]})").architecture, "LlamaForCausalLM");
  const ModelSpec spec = parse("", R"({"-model_type":0,"architectures":["MistralForCausalLM"]})");
  EXPECT_EQ(spec.model_type, "mistral");
  EXPECT_EQ(spec.windows.front(), 4096);
  EXPECT_REFUSED("gpt2", R"({"architectures":["GPT2LMHeadModel"]})",
                 "the model_type \"gpt2\" is not supported "
                 "(known: llama, mistral, qwen2, ");
  EXPECT_REFUSED(
      "llama", R"({"architectures":["LlamaForTokenClassification"]})",
      "the architecture \"LlamaForTokenClassification\" is not supported (known: LlamaForCausalLM");
  EXPECT_REFUSED("llama", R"({"architectures":["Qwen2ForCausalLM"]})", "contradict");
  EXPECT_REFUSED("", R"({"-model_type":0})", "neither \"architectures\" nor \"model_type\"");
  EXPECT_REFUSED("llama", R"({"architectures":"LlamaForCausalLM"})", "must be a list of strings");
}

TEST(HfConfig, ReadsRewardModels) {
  const std::string head = R"("architectures":["LlamaForSequenceClassification"])";
  EXPECT_EQ(parse("llama", "{" + head + R"(,"id2label":{"0":"LABEL_0"}})").num_labels, 1);
  EXPECT_EQ(parse("llama", "{" + head + R"(,"num_labels":1})").num_labels, 1);
  EXPECT_EQ(parse("llama", "{" + head + "}").num_labels, 2);
  EXPECT_EQ(parse("llama", R"({"id2label":{"0":"LABEL_0"}})").num_labels, 0);
  EXPECT_REFUSED("llama", "{" + head + R"(,"num_labels":3,"id2label":{"0":"LABEL_0"}})", "has 1 entries");
}

TEST(HfConfig, RefusesWhatItCannotCompute) {
  EXPECT_REFUSED("llama", R"({"hidden_act":"relu"})",
                 "the activation \"relu\" is not supported (known: silu, gelu_pytorch_tanh, gelu)");
  for (const char* key : {"alibi", "num_experts", "num_local_experts", "vision_config", "text_config",
                          "is_encoder_decoder", "use_bidirectional_attention"}) {
    const std::string name = std::string("{\"") + key + "\":";
    EXPECT_REFUSED("gemma2", name + "4}", key);
    for (const char* inert : {"false", "null", "0"}) { EXPECT_NO_THROW(parse("gemma2", name + inert + "}")); }
  }
  for (const char* type : {"mistral", "qwen2", "phi3"}) {
    EXPECT_REFUSED(type, R"({"attention_bias":true})", "attention_bias");
  }
  for (const char* type : {"qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "olmo2", "phi3"}) {
    EXPECT_REFUSED(type, R"({"mlp_bias":true})", "mlp_bias");
  }
  EXPECT_EQ(parse("llama", R"({"hidden_act":"swish"})").activation, "silu");
  EXPECT_REFUSED("llama", R"({"quantization_config":{"quant_method":"gptq"}})", "quantised (gptq)");
  EXPECT_REFUSED("llama", R"({"quantization_config":{"quant_method":"fp8","weight_block_size":[64,128]}})",
                 "weight_block_size");
  for (const char* read : {R"("fp8")", R"("fp8","weight_block_size":[128,128])", R"("bitsandbytes")"}) {
    EXPECT_NO_THROW(parse("llama", cat(R"({"quantization_config":{"quant_method":)", read, "}}")));
  }
  EXPECT_REFUSED("llama", R"({"-hidden_size":0})", "\"hidden_size\" is missing");
  EXPECT_REFUSED("llama", R"({"vocab_size":null})", "\"vocab_size\" is missing");
  EXPECT_REFUSED("llama", R"({"num_hidden_layers":-1})", "num_hidden_layers");
  EXPECT_REFUSED("llama", R"({"num_hidden_layers":2000000000})", "too many");
  EXPECT_REFUSED("llama", R"({"hidden_size":9223372036854775807})", "hidden_size");
  EXPECT_REFUSED("llama", R"({"hidden_size":18446744073709551615})", "hidden_size");
  EXPECT_REFUSED("llama", R"({"hidden_size":64.5})", "must be an integer");
  EXPECT_REFUSED("llama", R"({"num_key_value_heads":3})", "cannot share");
  EXPECT_REFUSED("llama", R"({"hidden_size":66})", "not a multiple");
  EXPECT_REFUSED("llama", R"({"head_dim":7})", "must be even");
  EXPECT_REFUSED("llama", R"({"rms_norm_eps":0})", "rms_norm_eps");
  EXPECT_REFUSED("llama", R"({"tie_word_embeddings":"yes"})", "true or false");
  EXPECT_THROW(parse_model_spec("[]", "x"), InputError);
  EXPECT_THROW(parse_model_spec("{", "x"), InputError);
  const std::string deep = R"({"x":)" + std::string(200000, '[') + std::string(200000, ']') + "}";
  EXPECT_NE(error_of([&] { parse_model_spec(deep, "x"); }).find("nested too deeply"), std::string::npos);
}

TEST(HfConfig, NamesAFolderThatIsNoModel) {
  const std::string folder = test_folder("no-config");
  EXPECT_NE(error_of([&] { read_model_spec(folder); }).find("config.json is missing"), std::string::npos);
  EXPECT_NE(error_of([&] { read_model_spec(folder + "/x"); }).find("does not exist"), std::string::npos);
  write_file(folder + "/adapter_config.json", "{}");
  EXPECT_NE(error_of([&] { read_model_spec(folder); }).find("holds an adapter"), std::string::npos);
  write_file(folder + "/config.json", config("qwen2"));
  EXPECT_EQ(read_model_spec(folder).model_type, "qwen2");
}

TEST(HfConfig, PrintsAGoldenConfig) {
  ModelSpec spec = parse("llama", R"({"torch_dtype":"float32","tie_word_embeddings":true,"eos_token_id":[2,3],
      "rms_norm_eps":1e-5,"rope_theta":500000})");
  EXPECT_EQ(print_model_spec(spec), R"({
  "architectures": [
    "LlamaForCausalLM"
  ],
  "attention_bias": false,
  "attention_dropout": 0.0,
  "bos_token_id": 1,
  "eos_token_id": [
    2,
    3
  ],
  "head_dim": 8,
  "hidden_act": "silu",
  "hidden_size": 64,
  "initializer_range": 0.02,
  "intermediate_size": 96,
  "max_position_embeddings": 2048,
  "mlp_bias": false,
  "model_type": "llama",
  "num_attention_heads": 8,
  "num_hidden_layers": 4,
  "num_key_value_heads": 4,
  "pad_token_id": null,
  "rms_norm_eps": 1e-05,
  "rope_scaling": null,
  "rope_theta": 500000.0,
  "tie_word_embeddings": true,
  "torch_dtype": "float32",
  "use_cache": true,
  "vocab_size": 100
}
)");
}

void expect_same(const ModelSpec& a, const ModelSpec& b) {
  EXPECT_EQ(a.architecture, b.architecture);
  EXPECT_EQ(a.windows, b.windows);
  EXPECT_EQ(a.rope.type, b.rope.type);
  EXPECT_EQ(a.rope.original_max_positions, b.rope.original_max_positions);
  EXPECT_EQ(a.rope.theta, b.rope.theta);
  EXPECT_EQ(a.rope.factor, b.rope.factor);
  EXPECT_EQ(a.rope.attention_factor, b.rope.attention_factor);
  EXPECT_EQ(a.rope.partial_rotary_factor, b.rope.partial_rotary_factor);
  EXPECT_EQ(a.rope.long_factor, b.rope.long_factor);
  EXPECT_EQ(a.rope.truncate, b.rope.truncate);
  EXPECT_EQ(a.local_rope.theta, b.local_rope.theta);
  EXPECT_EQ(a.rope_layers, b.rope_layers);
  EXPECT_EQ(a.norm_style, b.norm_style);
  EXPECT_EQ(a.qk_norm, b.qk_norm);
  EXPECT_EQ(a.activation, b.activation);
  EXPECT_DOUBLE_EQ(a.attention_scale, b.attention_scale);
  EXPECT_EQ(a.attention_soft_cap, b.attention_soft_cap);
  EXPECT_EQ(a.logit_soft_cap, b.logit_soft_cap);
  EXPECT_EQ(a.embedding_scale, b.embedding_scale);
  EXPECT_EQ(a.eos_ids, b.eos_ids);
  EXPECT_EQ(a.num_labels, b.num_labels);
  EXPECT_EQ(a.qkv_bias, b.qkv_bias);
  EXPECT_EQ(a.head_dim, b.head_dim);
  EXPECT_EQ(a.torch_dtype, b.torch_dtype);
  EXPECT_EQ(print_model_spec(a), print_model_spec(b));
}

TEST(HfConfig, ReadsBackWhatItPrints) {
  const std::string sliding = R"("sliding_window":32,"use_sliding_window":true,"max_window_layers":2)";
  const std::vector<ModelSpec> specs = {
      parse("llama", R"({"attention_bias":true,"mlp_bias":true,"head_dim":20,"eos_token_id":null})"),
      parse("llama", std::string(R"({"rope_scaling":{"rope_type":"llama3",)") + kLlama3 + "}}"),
      parse("llama",
            R"({"architectures":["LlamaForSequenceClassification"],"num_labels":1,"pad_token_id":5})"),
      parse("mistral", R"({"sliding_window":null,"dtype":"bfloat16"})"),
      parse("mistral", R"({"sliding_window":16})"),
      parse("qwen2"),
      parse("qwen2", "{" + sliding + "}"),
      parse("qwen2", "{" + sliding + R"(,"layer_types":["sliding_attention","full_attention","full_attention",
            "sliding_attention"]})"),
      parse("qwen3", "{" + sliding + R"(,"attention_bias":true})"),
      parse("gemma"),
      parse("gemma2", R"({"query_pre_attn_scalar":224,"final_logit_softcapping":null})"),
      parse("gemma2",
            R"({"layer_types":["full_attention","full_attention","full_attention","full_attention"]})"),
      parse("gemma3_text", R"({"sliding_window":64,"sliding_window_pattern":2,"rope_local_base_freq":77.0,
            "rope_scaling":{"rope_type":"linear","factor":8.0}})"),
      parse("gemma3_text", R"({"architectures":["Gemma3TextForSequenceClassification"],"num_labels":1})"),
      parse("olmo2", R"({"attention_bias":true})"),
      parse("phi3", R"({"sliding_window":64,"partial_rotary_factor":0.75,"max_position_embeddings":999,
            "original_max_position_embeddings":77,
            "rope_scaling":{"type":"longrope","short_factor":[1,1.5,2],"long_factor":[2,3,4]}})"),
      parse("phi3"),
      parse("llama", R"({"rope_scaling":{"rope_type":"dynamic","factor":3.0}})"),
      parse("llama", R"({"hidden_act":"gelu","rope_scaling":{"rope_type":"yarn","factor":3.0,"truncate":false,
            "attention_factor":1.5,"mscale":0.5,"beta_slow":2.0,"original_max_position_embeddings":40}})"),
  };
  for (const ModelSpec& spec : specs) {
    expect_same(parse_model_spec(print_model_spec(spec), "printed"), spec);
  }
}

TEST(HfConfig, WillNotPrintWhatConfigJsonCannotSay) {
  ModelSpec spec = parse("llama");
  spec.windows[1] = 8;
  EXPECT_THROW(print_model_spec(spec), InternalError);
  spec = parse("mistral");
  spec.windows[1] = 8;
  EXPECT_THROW(print_model_spec(spec), InternalError);
  spec = parse("qwen2");
  spec.qkv_bias = false;
  EXPECT_THROW(print_model_spec(spec), InternalError);
  spec = parse("llama");
  spec.model_type = "other";
  EXPECT_THROW(print_model_spec(spec), InternalError);
  spec = parse("llama");
  spec.windows.clear();  // a spec made by hand: no windows
  EXPECT_NO_THROW(print_model_spec(spec));
}

TEST(HfConfig, TurnsABaseConfigIntoARewardModels) {
  const std::string base = config("mistral", R"({"architectures":["MistralForCausalLM"],"own_key":[1,2],
      "problem_type":"single_label_classification","auto_map":{"AutoConfig":"x.Y"}})");
  const std::string changed = reward_model_config(base, 7);
  const Json json = Json::parse(changed);
  EXPECT_EQ(json["architectures"], Json::array({"MistralForSequenceClassification"}));
  EXPECT_EQ(json["num_labels"], 1);
  EXPECT_EQ(json["id2label"], Json({{"0", "LABEL_0"}}));
  EXPECT_EQ(json["label2id"], Json({{"LABEL_0", 0}}));
  EXPECT_EQ(json["pad_token_id"], 7);
  EXPECT_EQ(json["own_key"], Json::array({1, 2}));
  EXPECT_FALSE(json.contains("problem_type") || json.contains("auto_map"));
  const ModelSpec spec = parse_model_spec(changed, "changed");
  EXPECT_EQ(spec.num_labels, 1);
  EXPECT_EQ(spec.pad_id, 7);
  EXPECT_EQ(reward_model_config(changed, 7), changed);
  EXPECT_THROW(reward_model_config(config("gpt2"), 0), InputError);
}

TEST(HfConfig, SaysTheDtypeUnderTheKeysThatAreThere) {
  const auto changed = [](const std::string& more) {
    return Json::parse(config_with_dtype(config("llama", more), "bfloat16"));
  };
  const Json old_key = changed(R"({"torch_dtype":"float16","own_key":[1,2]})");
  EXPECT_EQ(old_key["torch_dtype"], "bfloat16");
  EXPECT_FALSE(old_key.contains("dtype"));
  EXPECT_EQ(old_key["own_key"], Json::array({1, 2}));
  const Json new_key = changed(R"({"dtype":"float32"})");
  EXPECT_EQ(new_key["dtype"], "bfloat16");
  EXPECT_FALSE(new_key.contains("torch_dtype"));
  const Json both = changed(R"({"dtype":null,"torch_dtype":"float32"})");
  EXPECT_EQ(both["dtype"], "bfloat16");
  EXPECT_EQ(both["torch_dtype"], "bfloat16");
  EXPECT_EQ(changed("{}")["torch_dtype"], "bfloat16");
  const std::string right = config("llama", R"({"torch_dtype":"bfloat16"})");
  EXPECT_EQ(config_with_dtype(right, "bfloat16"), right);
  const Json plain = changed(R"({"torch_dtype":"bfloat16","quantization_config":{"quant_method":"fp8"}})");
  EXPECT_FALSE(plain.contains("quantization_config")) << "the weights are written as they are";
  EXPECT_EQ(plain["torch_dtype"], "bfloat16");
  EXPECT_THROW(config_with_dtype("{}", "float32"), InputError);
}

TEST(HfConfig, RandomDamageIsReadOrRefusedNeverWorse) {
  const std::string whole = print_model_spec(
      parse("qwen2",
            R"({"sliding_window":32,"use_sliding_window":true,"max_window_layers":2,"eos_token_id":[1,2]})"));
  const std::vector<std::string> words = {"null",       "true",  "[]",    "{}",
                                          "\"\"",       "-1",    "1e300", "18446744073709551615",
                                          "2147483647", "\"x\"", "\xff",  "{\"rope_type\":\"llama3\"}",
                                          "[1]",        "0"};
  int read = 0, refused = 0;
  for (std::uint64_t i = 0; i < 3000; ++i) {
    Rng rng(3, stream_id("config damage"), i);
    std::string text = whole;
    for (std::uint64_t n = 1 + rng.below(3); n > 0; --n) {
      const std::size_t colon = text.find(": ", rng.below(text.size() - 40));
      if (rng.below(4) == 0 || colon == std::string::npos) {
        text[rng.below(text.size())] = static_cast<char>(rng.below(256));
      } else {  // another value for a key
        const std::size_t end = text.find_first_of(",}\n", colon);
        text.replace(colon + 2, end - colon - 2, words[rng.below(words.size())]);
      }
    }
    try {
      const ModelSpec spec = parse_model_spec(text, "config.json");
      ++read;
      ASSERT_EQ(static_cast<std::int64_t>(spec.windows.size()), spec.num_layers);
      ASSERT_NO_THROW(parse_model_spec(print_model_spec(spec), "printed")) << text;
    } catch (const InputError&) { ++refused; }
  }
  EXPECT_GT(read, 200);
  EXPECT_GT(refused, 1000);
}

TEST(HfConfig, ReadsTheSharedConfigsOrRefusesThemByName) {
  const std::string data = shared_data_folder();
  if (data.empty()) { GTEST_SKIP() << "no shared data here"; }
  int read = 0, refused = 0;
  for (const auto& entry : std::filesystem::directory_iterator(data + "/model_configs")) {
    const std::string path = entry.path().string();
    const std::string text = read_file(path);
    const std::string error = error_of([&] {
      expect_same(parse_model_spec(print_model_spec(parse_model_spec(text, path)), path),
                  parse_model_spec(text, path));
    });
    if (error == "no error") {
      ++read;
    } else {
      ++refused;
      EXPECT_NE(error.find("is not supported"), std::string::npos) << error;
    }
  }
  EXPECT_EQ(read, 7);
  EXPECT_EQ(refused, 2) << "a gemma3 with pictures, and model_type phi4";
  EXPECT_TRUE(read_model_spec(data + "/models/stories260K-hf").tie_word_embeddings);
}

}  // namespace
}  // namespace una::weights
