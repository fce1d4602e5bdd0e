#include "una/gguf/gguf_architecture.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/gguf/gguf_delta.h"
#include "una/gguf/gguf_gemma4.h"
#include "una/gguf/gguf_numbers.h"
#include "una/gguf/gguf_rope.h"

namespace una::gguf {
namespace {

constexpr const char* kTanhGelu = "gelu_pytorch_tanh";

bool slides(const ModelSpec& spec) {
  return std::any_of(spec.windows.begin(), spec.windows.end(), [](std::int64_t each) { return each > 0; });
}

void check_sliding(const ModelSpec& spec, const std::string& what) {
  check_input(slides(spec), what, ": llama.cpp's ", spec.model_type,
              " always has layers with a sliding window; this model has none");
}

// The graphs of gemma2 and gemma3 derive the scale from the sizes; `deep` is the number of layers of the 27B
// model, which divides by another one.
void check_scores(const ModelSpec& spec, std::int64_t deep, const std::string& what) {
  const std::int64_t size = spec.num_layers == deep ? spec.hidden_size / spec.num_heads : spec.head_dim;
  const double fixed = 1 / std::sqrt(static_cast<double>(size));
  check_input(std::fabs(spec.attention_scale - fixed) < 1e-6 * fixed, what,
              ": llama.cpp scales the scores of a ", spec.model_type, " of ", spec.num_layers,
              " layers by 1 / sqrt(", size, "); this model's query_pre_attn_scalar is another");
}

void check_gemma2(const ModelSpec& spec, const std::string& what) {
  check_sliding(spec, what);
  check_scores(spec, 46, what);
  check_input(spec.attention_soft_cap > 0 && spec.logit_soft_cap > 0, what,
              ": llama.cpp's gemma2 always caps scores and logits; this model does not");
}

void check_gemma3(const ModelSpec& spec, const std::string& what) {
  check_scores(spec, 62, what);
  check_input(!slides(spec) || spec.local_rope.type == "default", what,
              ": llama.cpp scales no rope of gemma3's sliding "
              "layers; this model's is of type ",
              spec.local_rope.type);
}

// Its graph turns the sliding layers with the other layers' theta, unscaled.
void check_olmo(const ModelSpec& spec, const std::string& what) {
  if (!slides(spec)) { return; }
  const RopeSpec& local = spec.rope_layers.empty() ? spec.rope : spec.local_rope;
  check_input(local.type == "default" && local.theta == spec.rope.theta, what,
              ": llama.cpp turns the sliding layers of ", spec.model_type, " by theta ", spec.rope.theta,
              " and unscaled; this model has another rope there");
}

void check_smollm3(const ModelSpec& spec, const std::string& what) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(spec.num_layers); ++i) {
    const bool turns = spec.rope_layers.empty() || spec.rope_layers[i] >= 0;
    check_input(
        turns == ((i + 1) % 4 != 0), what,
        ": llama.cpp's smollm3 has no rope in every fourth layer, and in no other; this model has other layers "
        "without (layer ",
        i, ")");
  }
}

void check_exaone4(const ModelSpec& spec, const std::string& what) {
  constexpr std::int64_t kSliding = 64;
  check_input(slides(spec) == (spec.num_layers == kSliding), what,
              ": llama.cpp takes sliding windows of an exaone4 of 64 layers, and no others; this model has ",
              spec.num_layers, " layers", slides(spec) ? " with windows" : " without windows");
}

void check_starcoder2(const ModelSpec& spec, const std::string& what) {
  check_input(spec.qkv_bias && spec.o_bias && spec.mlp_bias, what,
              ": llama.cpp's starcoder2 has all biases; this model has none");
}

void check_gpt_neox(const ModelSpec& spec, const std::string& what) {
  check_input(spec.qkv_bias, what,
              ": llama.cpp's gptneox has biases on attention's projections; this model has none");
}

// llama.cpp's graphs have experts in every layer, and each divides the chosen probabilities by their sum or does not.
void check_experts(const ModelSpec& spec, bool normed, const std::string& what) {
  check_input(spec.moe.sparse_layers.empty(), what, ": llama.cpp's ", spec.model_type,
              " has experts in every layer; some layers of this model are dense");
  check_input(spec.moe.norm_topk_prob == normed, what, ": llama.cpp's ", spec.model_type,
              normed ? " divides the probabilities of the chosen experts by their sum"
                     : " takes the probabilities of the chosen experts as they are",
              "; this model's norm_topk_prob says otherwise");
}

void check_normed_experts(const ModelSpec& spec, const std::string& what) { check_experts(spec, true, what); }

void check_olmoe(const ModelSpec& spec, const std::string& what) {
  check_experts(spec, false, what);
  check_input(spec.num_heads == spec.num_kv_heads, what,
              ": llama.cpp's olmoe has as many key-value heads as heads; this model has ", spec.num_kv_heads,
              " and ", spec.num_heads);
}

// Its graph fixes the activation's numbers and which layers slide.
void check_gpt_oss(const ModelSpec& spec, const std::string& what) {
  check_normed_experts(spec, what);
  constexpr double kAlpha = 1.702, kLimit = 7;
  check_input(spec.moe.swiglu_alpha == kAlpha && spec.moe.swiglu_limit == kLimit, what,
              ": llama.cpp's gpt-oss has a swiglu_alpha of 1.702 and a swiglu_limit of 7; this model has ",
              spec.moe.swiglu_alpha, " and ", spec.moe.swiglu_limit);
  check_input(spec.qkv_bias, what,
              ": llama.cpp's gpt-oss has biases on attention's projections; this model has none");
  for (std::size_t i = 0; i < spec.windows.size(); ++i) {
    check_input(
        (spec.windows[i] > 0) == (i % 2 == 0), what,
        ": in llama.cpp's gpt-oss every other layer slides, from the first on; this model has another pattern "
        "(layer ",
        i, ")");
  }
}

void add_caps(const ModelSpec& spec, const std::string& name, GgufMetadata& out) {
  if (spec.attention_soft_cap > 0) {
    out.emplace_back(name + ".attn_logit_softcapping", f32(spec.attention_soft_cap));
  }
  if (spec.logit_soft_cap > 0) {
    out.emplace_back(name + ".final_logit_softcapping", f32(spec.logit_soft_cap));
  }
}

void add_gemma3(const ModelSpec& spec, const std::string& name, GgufMetadata& out) {
  add_caps(spec, name, out);
  if (slides(spec)) { out.emplace_back(name + ".rope.freq_base_swa", f32(spec.local_rope.theta)); }
}

// llama.cpp divides by granite's logit scale, and multiplies by cohere2's.
void add_granite(const ModelSpec& spec, const std::string& name, GgufMetadata& out) {
  out.emplace_back(name + ".attention.scale", f32(spec.attention_scale));
  out.emplace_back(name + ".embedding_scale", f32(spec.embedding_scale));
  out.emplace_back(name + ".residual_scale", f32(spec.residual_scale));
  out.emplace_back(name + ".logit_scale", f32(1 / spec.logit_scale));
}

void add_cohere2(const ModelSpec& spec, const std::string& name, GgufMetadata& out) {
  out.emplace_back(name + ".logit_scale", f32(spec.logit_scale));
}

void add_parallel(const ModelSpec& spec, const std::string& name, GgufMetadata& out) {
  out.emplace_back(name + ".use_parallel_residual", spec.parallel_block);
}

void check_lfm2(const ModelSpec& spec, const std::string& what) {
  check_input(!spec.conv_bias, what, ": llama.cpp's convolutions of lfm2 have no biases; this model's have");
  check_input(spec.conv_kernel > 1, what,
              ": llama.cpp's convolutions of lfm2 see two tokens or more; conv_L_cache is ",
              spec.conv_kernel);
}

void add_lfm2(const ModelSpec& spec, const std::string& name, GgufMetadata& out) {
  out.emplace_back(name + ".shortconv.l_cache", static_cast<std::uint32_t>(spec.conv_kernel));
}

// Its yarn is written as llama's; the positions from which queries grow are those of yarn's original length.
void add_ministral3(const ModelSpec& spec, const std::string& name, GgufMetadata& out) {
  if (spec.rope.query_beta == 0) { return; }
  out.emplace_back(name + ".attention.temperature_scale", f32(spec.rope.query_beta));
  if (spec.rope.type != "yarn") {
    out.emplace_back(name + ".rope.scaling.original_context_length",
                     static_cast<std::uint32_t>(spec.rope.original_max_positions));
  }
}

GgufArchitecture llama(std::string_view model_type) {
  return {.model_type = model_type,
          .name = "llama",
          .neighbours = true,
          .rope_factors = true,
          .o_bias = true,
          .mlp_bias = true};
}

std::vector<GgufArchitecture> mixtures() {
  GgufArchitecture mixtral = llama("mixtral"), granite = llama("granitemoe");
  mixtral.check = granite.check = check_normed_experts;
  granite.name = "granitemoe";
  granite.add_keys = add_granite;
  return {mixtral,
          {.model_type = "qwen3_moe", .name = "qwen3moe", .check = check_normed_experts},
          {.model_type = "olmoe",
           .name = "olmoe",
           .head = GgufHead::kWritten,
           .own_head_size = false,
           .check = check_olmoe},
          granite,
          {.model_type = "gpt_oss",
           .name = "gpt-oss",
           .mlp_norm = "post_attention_norm",
           .o_bias = true,
           .windows = true,
           .rounds_yarn = true,
           .check = check_gpt_oss}};
}

GgufArchitecture olmo2(std::string_view model_type) {
  return {.model_type = model_type,
          .name = "olmo2",
          .head = GgufHead::kWritten,
          .own_head_size = false,
          .windows = true,
          .check = check_olmo};
}

std::vector<GgufArchitecture> gemmas() {
  const GgufArchitecture gemma{.model_type = "gemma",
                               .name = "gemma",
                               .activation = kTanhGelu,
                               .head = GgufHead::kEmbedding,
                               .norm_plus_one = true};
  GgufArchitecture gemma2 = gemma, gemma3 = gemma, gemma4 = gemma;
  gemma4.model_type = "gemma4_text";
  gemma4.name = "gemma4";
  gemma4.head = GgufHead::kEither;
  gemma4.norm_plus_one = false;
  gemma4.windows = gemma4.whole_factors = true;
  gemma4.check = check_gguf_gemma4;
  gemma4.add_keys = add_gguf_gemma4;
  gemma2.model_type = gemma2.name = "gemma2";
  gemma2.windows = true;
  gemma2.check = check_gemma2;
  gemma2.add_keys = add_caps;
  gemma3.model_type = "gemma3_text";
  gemma3.name = "gemma3";
  gemma3.head = GgufHead::kEither;
  gemma3.windows = true;
  gemma3.check = check_gemma3;
  gemma3.add_keys = add_gemma3;
  return {gemma, gemma2, gemma3, gemma4};
}

std::vector<GgufArchitecture> layer_norms() {
  return {{.model_type = "starcoder2",
           .name = "starcoder2",
           .activation = kTanhGelu,
           .own_head_size = false,
           .o_bias = true,
           .mlp_bias = true,
           .check = check_starcoder2},
          {.model_type = "stablelm",
           .name = "stablelm",
           .head = GgufHead::kWritten,
           .own_head_size = false,
           .partial_rope = true,
           .add_keys = add_parallel},
          {.model_type = "gpt_neox",
           .name = "gptneox",
           .activation = kTanhGelu,
           .any_gelu = true,
           .head = GgufHead::kWritten,
           .own_head_size = false,
           .partial_rope = true,
           .o_bias = true,
           .mlp_bias = true,
           .check = check_gpt_neox,
           .add_keys = add_parallel}};
}

std::vector<GgufArchitecture> make_architectures() {
  GgufArchitecture granite = llama("granite");
  granite.name = "granite";
  granite.add_keys = add_granite;
  GgufArchitecture ministral3 = llama("ministral3");
  ministral3.name = "mistral3";
  ministral3.add_keys = add_ministral3;
  std::vector<GgufArchitecture> out = {
      llama("llama"),
      llama("mistral"),
      {.model_type = "qwen2", .name = "qwen2", .own_head_size = false},
      {.model_type = "qwen3", .name = "qwen3"},
      olmo2("olmo2"),
      {.model_type = "phi3",
       .name = "phi3",
       .own_head_size = false,
       .partial_rope = true,
       .long_factors = true},
      {.model_type = "smollm3", .name = "smollm3", .neighbours = true, .check = check_smollm3},
      olmo2("olmo3"),
      granite,
      llama("ministral"),
      ministral3,
      {.model_type = "seed_oss", .name = "seed_oss", .mlp_norm = "post_attention_norm"},
      {.model_type = "exaone4",
       .name = "exaone4",
       .own_head_size = false,
       .rope_factors = true,
       .windows = true,
       .check = check_exaone4},
      {.model_type = "ernie4_5", .name = "ernie4_5", .neighbours = true, .o_bias = true},
      {.model_type = "glm4", .name = "glm4", .neighbours = true, .partial_rope = true},
      {.model_type = "cohere2",
       .name = "cohere2",
       .head = GgufHead::kEmbedding,
       .neighbours = true,
       .own_head_size = false,
       .windows = true,
       .check = check_sliding,
       .add_keys = add_cohere2},
      {.model_type = "hunyuan_v1_dense", .name = "hunyuan-dense"},
      {.model_type = "lfm2",
       .name = "lfm2",
       .final_norm = "token_embd_norm",
       .own_head_size = false,
       .check = check_lfm2,
       .add_keys = add_lfm2},
      {.model_type = "qwen3_5_text",
       .name = "qwen35",
       .mlp_norm = "post_attention_norm",
       .partial_rope = true,
       .norm_plus_one = true,
       .check = check_gguf_delta,
       .add_keys = add_gguf_delta_keys}};
  const std::vector<GgufArchitecture> more = gemmas();
  out.insert(out.begin() + 4, more.begin(), more.end());
  for (const auto& group : {layer_norms(), mixtures()}) { out.insert(out.end(), group.begin(), group.end()); }
  return out;
}

const std::vector<GgufArchitecture>& architectures() {
  static const std::vector<GgufArchitecture> kAll = make_architectures();
  return kAll;
}

const GgufArchitecture& find_architecture(const ModelSpec& spec, const std::string& what) {
  std::vector<std::string> known;
  for (const GgufArchitecture& each : architectures()) {
    if (each.model_type == spec.model_type) { return each; }
    known.emplace_back(each.model_type);
  }
  throw InputError(
      cat(what, ": GGUF export knows models of the families ", join(known, ", "), ", not ", spec.model_type));
}

void check_sizes(const GgufArchitecture& arch, const ModelSpec& spec, const std::string& what) {
  check_input(arch.own_head_size || spec.num_heads * spec.head_dim == spec.hidden_size, what,
              ": llama.cpp takes a ", spec.model_type, " whose heads make up the hidden size only (",
              spec.num_heads, " heads of ", spec.head_dim, " do not make ", spec.hidden_size, ")");
  check_input(spec.head_dim % 2 == 0, what, ": an odd head_dim, ", spec.head_dim, ", has no rope");
}

void check_parts(const GgufArchitecture& arch, const ModelSpec& spec, const std::string& what) {
  check_input(!spec.is_reward_model(), what,
              ": a reward model has no language-model head; GGUF export takes models that write text");
  check_input(spec.activation == arch.activation || (arch.any_gelu && spec.activation == "gelu"), what,
              ": llama.cpp computes ", spec.model_type, " with ", arch.activation, ", not with ",
              spec.activation);
  check_input(arch.o_bias || !spec.o_bias, what, ": llama.cpp's ", spec.model_type, " has no bias on o_proj");
  check_input(arch.mlp_bias || !spec.mlp_bias, what, ": llama.cpp's ", spec.model_type,
              " has no biases in the MLP");
  check_input(arch.head != GgufHead::kEmbedding || spec.tie_word_embeddings, what, ": llama.cpp's ",
              spec.model_type, " uses the embedding as its head; this model has a head of its own");
}

}  // namespace

const GgufArchitecture& gguf_architecture(const ModelSpec& spec, const std::string& what) {
  const GgufArchitecture& arch = find_architecture(spec, what);
  check_parts(arch, spec, what);
  check_sizes(arch, spec, what);
  check_gguf_rope(arch, spec, what);
  if (arch.check != nullptr) { arch.check(spec, what); }
  return arch;
}

}  // namespace una::gguf
