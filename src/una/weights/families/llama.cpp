#include "una/base/error.h"
#include "una/weights/families/decoder_config.h"
#include "una/weights/families/families.h"

namespace una::weights::detail {
namespace {

void read(const ConfigReader& config, ModelSpec& spec) {
  read_decoder(config, {.max_positions = 2048, .bos_id = 1, .eos_ids = {2}}, spec);
  read_attention_bias(config, spec);
  spec.mlp_bias = config.flag("mlp_bias", false);
}

void print(const ModelSpec& spec, Json& config) {
  check(spec.qkv_bias == spec.o_bias, "a llama has all attention biases or none");
  check(common_window(spec) == 0, "a llama has no sliding window");
  config["attention_bias"] = spec.qkv_bias;
  config["mlp_bias"] = spec.mlp_bias;
}

}  // namespace

Family llama_family() {
  return {.model_type = "llama", .class_prefix = "Llama", .aliases = {"LLaMA"}, .read = read, .print = print};
}

}  // namespace una::weights::detail
