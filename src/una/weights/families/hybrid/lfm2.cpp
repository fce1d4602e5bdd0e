// LFM2: gated short convolutions, with attention in some layers.
#include <algorithm>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/weights/families/decoder_config.h"
#include "una/weights/families/families.h"

namespace una::weights::detail {
namespace {

constexpr std::int64_t kDefaultSize = 12288;
constexpr double kLargestSize = 1e9;

// The MLP's inner size: two thirds of the given one, times a factor, rounded up to a multiple.
std::int64_t inner_size(const ConfigReader& config) {
  const std::int64_t given = config.size("block_ff_dim", config.size("intermediate_size", kDefaultSize));
  if (!config.flag("block_auto_adjust_ff_dim", true)) { return given; }
  const std::int64_t part = 2 * given / 3;
  if (config.is_null("block_ffn_dim_multiplier")) { return part; }
  const double factor = config.positive("block_ffn_dim_multiplier", 1);
  const std::int64_t multiple = config.size("block_multiple_of", 256);
  const double size = factor * static_cast<double>(part);
  if (size > kLargestSize) { config.fail(cat("\"block_ffn_dim_multiplier\" ", factor, " is too large")); }
  const auto scaled = static_cast<std::int64_t>(size);
  return (scaled + multiple - 1) / multiple * multiple;
}

// transformers' config class takes older keys in place of the common ones.
Json with_common_keys(const ConfigReader& config) {
  Json out = config.json();
  out["intermediate_size"] = inner_size(config);
  if (config.is_set("tie_embedding")) { out["tie_word_embeddings"] = config.flag("tie_embedding", true); }
  return out;
}

// "layer_types", else "full_attn_idxs", else attention everywhere.
std::vector<Mixer> read_mixers(const ConfigReader& config, const ModelSpec& spec) {
  if (config.is_set("layer_types")) { return listed_mixers("conv", Mixer::kShortConvolution, config, spec); }
  const auto layers = static_cast<std::size_t>(spec.num_layers);
  if (!config.is_set("full_attn_idxs")) { return std::vector<Mixer>(layers, Mixer::kAttention); }
  const Json& listed = config.json()["full_attn_idxs"];
  std::vector<Mixer> out(layers, Mixer::kShortConvolution);
  if (!listed.is_array()) { config.fail("\"full_attn_idxs\" must be a list of layers' numbers"); }
  for (const Json& each : listed) {
    const bool fits = each.is_number_integer() && each >= 0 && each < spec.num_layers;
    if (!fits) {
      config.fail(
          cat("\"full_attn_idxs\" must list numbers of layers, which are 0 to ", spec.num_layers - 1));
    }
    out[each.get<std::size_t>()] = Mixer::kAttention;
  }
  return out;
}

void read(const ConfigReader& config, ModelSpec& spec) {
  const Json common = with_common_keys(config);
  read_decoder({common, config.what()},
               {.num_kv_heads = 8,
                .max_positions = 128000,
                .norm_eps = 1e-5,
                .norm_eps_key = "norm_eps",
                .tie_word_embeddings = true,
                .bos_id = 1,
                .pad_id = 0,
                .eos_ids = {2},
                .rope = {.theta = 1e6}},
               spec);
  refuse_flags(config, {"attention_bias", "mlp_bias"});
  spec.qk_norm = QkNorm::kHead;
  spec.mixers = read_mixers(config, spec);
  spec.conv_kernel = config.size("conv_L_cache", 3);
  spec.conv_bias = config.flag("conv_bias", false);
}

void print(const ModelSpec& spec, Json& config) {
  check(spec.qk_norm == QkNorm::kHead && !spec.mixers.empty(), "an lfm2 norms each query and key head");
  config["layer_types"] = mixer_types_json(spec, "conv");
  config["conv_L_cache"] = spec.conv_kernel;
  config["conv_bias"] = spec.conv_bias;
  config["block_auto_adjust_ff_dim"] = false;  // intermediate_size is the one that is used
  config["norm_eps"] = spec.norm_eps;
  config.erase("rms_norm_eps");
}

void check_lfm2(const ModelSpec& spec) {
  check_no_biases(spec);
  check_input(spec.activation == "silu", "config.json: an lfm2 model computes with silu, not with ",
              spec.activation);
  check_input(spec.conv_kernel > 0, "config.json: conv_L_cache is ", spec.conv_kernel,
              ", but must be at least 1");
  const bool known = std::none_of(spec.mixers.begin(), spec.mixers.end(),
                                  [](Mixer each) { return each == Mixer::kGatedDeltaRule; });
  check(spec.qk_norm == QkNorm::kHead && known, "an lfm2 has convolutions, and attention with normed heads");
}

PartNames names() {
  PartNames out;
  out.attention_norm = "operator_norm";
  out.mlp_norm = "ffn_norm";
  out.final_norm = "model.embedding_norm";
  out.o = "self_attn.out_proj";
  out.q_norm = "self_attn.q_layernorm";
  out.k_norm = "self_attn.k_layernorm";
  out.gate = "feed_forward.w1";
  out.up = "feed_forward.w3";
  out.down = "feed_forward.w2";
  return out;
}

}  // namespace

Family lfm2_family() {
  return {.model_type = "lfm2",
          .class_prefix = "Lfm2",
          .has_classifier = false,
          .names = names(),
          .default_targets = {"q_proj", "v_proj", "in_proj", "out_proj"},  // PEFT has none
          .read = read,
          .print = print,
          .check = check_lfm2};
}

}  // namespace una::weights::detail
