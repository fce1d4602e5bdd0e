#include "una/base/error.h"
#include "una/weights/family.h"

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

}  // namespace

Family qwen2_family();
Family qwen2_family() { return {"qwen2", "Qwen2", {}, read, print, ""}; }

}  // namespace una::weights::detail
