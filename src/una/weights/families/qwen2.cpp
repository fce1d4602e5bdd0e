#include "una/base/error.h"
#include "una/weights/families/decoder_config.h"
#include "una/weights/families/families.h"

namespace una::weights::detail {
namespace {

constexpr std::int64_t kDefaultKvHeads = 32;

void read(const ConfigReader& config, ModelSpec& spec) {
  read_decoder(config, {.num_kv_heads = kDefaultKvHeads, .max_positions = 32768}, spec);
  spec.qkv_bias = true;
  read_qwen_windows(config, spec);
  refuse_flags(config, {"attention_bias", "mlp_bias"});
}

void print(const ModelSpec& spec, Json& config) {
  check(spec.qkv_bias && !spec.o_bias && !spec.mlp_bias, "a qwen2 has biases on q, k and v only");
  print_qwen_windows(spec, config);
}

void check_qwen2(const ModelSpec& spec) {
  check_input(spec.qkv_bias && !spec.o_bias && !spec.mlp_bias,
              "config.json: a qwen2 model has biases on q_proj, k_proj and v_proj and nowhere else");
}

}  // namespace

Family qwen2_family() {
  return {.model_type = "qwen2", .class_prefix = "Qwen2", .read = read, .print = print, .check = check_qwen2};
}

}  // namespace una::weights::detail
