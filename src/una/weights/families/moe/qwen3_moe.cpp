// Qwen3 with experts in all layers, or in some: the others keep the dense MLP.
#include <algorithm>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/weights/families/decoder_config.h"
#include "una/weights/families/families.h"

namespace una::weights::detail {
namespace {

constexpr std::int64_t kDefaultExpertSize = 768;

// A layer is sparse unless "mlp_only_layers" lists it, where its number, counted from 1, is a multiple of
// "decoder_sparse_step".
std::vector<bool> read_sparse_layers(const ConfigReader& config, std::int64_t num_layers) {
  const std::int64_t step = config.size("decoder_sparse_step", 1);
  std::vector<bool> out;
  for (std::int64_t layer = 0; layer < num_layers; ++layer) { out.push_back((layer + 1) % step == 0); }
  if (config.is_set("mlp_only_layers")) {
    const Json& listed = config.json()["mlp_only_layers"];
    if (!listed.is_array()) { config.fail("\"mlp_only_layers\" must be a list of layers' numbers"); }
    for (const Json& each : listed) {
      if (!each.is_number_integer() || each < 0) {
        config.fail("\"mlp_only_layers\" must be a list of layers' numbers");
      }
      if (each < num_layers) { out[each.get<std::size_t>()] = false; }
    }
  }
  return std::all_of(out.begin(), out.end(), [](bool sparse) { return sparse; }) ? std::vector<bool>() : out;
}

void read(const ConfigReader& config, ModelSpec& spec) {
  // No head_dim of 128 by default, which qwen3 has.
  read_decoder(config, {.num_kv_heads = 4, .max_positions = 32768, .sparse = true}, spec);
  read_attention_bias(config, spec);
  refuse_flags(config, {"mlp_bias"});
  spec.qk_norm = QkNorm::kHead;
  read_qwen_windows(config, spec);
  read_moe(config, {.num_experts = 128, .experts_per_token = 8}, spec);
  spec.moe.expert_size = config.size("moe_intermediate_size", kDefaultExpertSize);
  spec.moe.norm_topk_prob = config.flag("norm_topk_prob", false);
  spec.moe.sparse_layers = read_sparse_layers(config, spec.num_layers);
}

void print(const ModelSpec& spec, Json& config) {
  check(spec.qkv_bias == spec.o_bias && spec.qk_norm == QkNorm::kHead,
        "a qwen3_moe has all attention biases or none, and norms each query and key head");
  config["attention_bias"] = spec.qkv_bias;
  print_qwen_windows(spec, config);
  print_moe(spec, "num_experts", config);
  config["moe_intermediate_size"] = spec.moe.expert_size;
  config["norm_topk_prob"] = spec.moe.norm_topk_prob;
  config["decoder_sparse_step"] = 1;
  Json dense = Json::array();
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) {
    if (!spec.is_sparse(layer)) { dense.push_back(layer); }
  }
  config["mlp_only_layers"] = dense;
}

void check_qwen3_moe(const ModelSpec& spec) {
  check_biases_whole(spec);
  check_moe(spec);
  check_input(spec.qk_norm == QkNorm::kHead, "config.json: a qwen3_moe model norms each query and key head");
}

}  // namespace

Family qwen3_moe_family() {
  return {.model_type = "qwen3_moe",
          .class_prefix = "Qwen3Moe",
          .read = read,
          .print = print,
          .check = check_qwen3_moe};
}

}  // namespace una::weights::detail
