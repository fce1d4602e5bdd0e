#include "una/base/error.h"
#include "una/weights/families/decoder_config.h"
#include "una/weights/families/families.h"

namespace una::weights::detail {
namespace {

void read(const ConfigReader& config, ModelSpec& spec) {
  read_decoder(config, {.num_kv_heads = 32, .head_dim = 128, .max_positions = 32768}, spec);
  read_attention_bias(config, spec);
  refuse_flags(config, {"mlp_bias"});
  spec.qk_norm = QkNorm::kHead;
  read_qwen_windows(config, spec);
}

void print(const ModelSpec& spec, Json& config) {
  check(spec.qkv_bias == spec.o_bias && !spec.mlp_bias, "a qwen3 has all attention biases or none");
  check(spec.qk_norm == QkNorm::kHead, "a qwen3 norms each query and key head");
  config["attention_bias"] = spec.qkv_bias;
  print_qwen_windows(spec, config);
}

void check_qwen3(const ModelSpec& spec) {
  check_biases_whole(spec);
  check_input(spec.qk_norm == QkNorm::kHead, "config.json: a qwen3 model norms each query and key head");
}

}  // namespace

Family qwen3_family() {
  return {.model_type = "qwen3", .class_prefix = "Qwen3", .read = read, .print = print, .check = check_qwen3};
}

}  // namespace una::weights::detail
