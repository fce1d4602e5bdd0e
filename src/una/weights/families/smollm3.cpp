#include "una/base/error.h"
#include "una/base/format.h"
#include "una/weights/families/decoder_config.h"
#include "una/weights/families/families.h"

namespace una::weights::detail {
namespace {

constexpr std::int64_t kNoRopeInterval = 4;

// no_rope_layers has 1 for a layer with rope and 0 for one without; if it is absent, every interval-th layer
// has none.
void read_rope_layers(const ConfigReader& config, ModelSpec& spec) {
  const std::int64_t interval = config.size("no_rope_layer_interval", kNoRopeInterval);
  const Json list = config.is_set("no_rope_layers") ? config.json()["no_rope_layers"] : Json::array();
  const auto layers = static_cast<std::size_t>(spec.num_layers);
  const bool given = config.is_set("no_rope_layers");
  if (given && (!list.is_array() || list.size() < layers)) {
    config.fail(cat("\"no_rope_layers\" must list ", layers, " layers"));
  }
  for (std::size_t i = 0; i < layers; ++i) {
    if (given && list[i] != 0 && list[i] != 1) { config.fail("\"no_rope_layers\" must hold 0 or 1"); }
    const bool turns = given ? list[i] == 1 : static_cast<std::int64_t>(i + 1) % interval != 0;
    spec.rope_layers.push_back(turns ? 0 : -1);
  }
}

// With use_sliding_window the layers without rope slide, unless layer_types lists them.
void read_windows(const ConfigReader& config, ModelSpec& spec) {
  const bool slides = config.flag("use_sliding_window", false) && config.is_set("sliding_window");
  const std::int64_t window = slides ? config.size("sliding_window") : 0;
  const std::vector<bool> listed = read_sliding_layers(config, spec.num_layers);
  for (std::size_t i = 0; i < spec.windows.size(); ++i) {
    const bool sliding = listed.empty() ? slides && spec.rope_layers[i] < 0 : listed[i];
    if (sliding && !slides) {
      config.fail("\"layer_types\" has sliding layers, but \"use_sliding_window\" is off");
    }
    spec.windows[i] = sliding ? window : 0;
  }
}

void read(const ConfigReader& config, ModelSpec& spec) {
  read_decoder(config,
               {.num_kv_heads = 4,
                .max_positions = 32768,
                .tie_word_embeddings = true,
                .bos_id = 128000,
                .pad_id = 128004,
                .eos_ids = {128001},
                .rope = {.theta = 2e6}},
               spec);
  read_attention_bias(config, spec);
  spec.mlp_bias = config.flag("mlp_bias", false);
  read_rope_layers(config, spec);
  read_windows(config, spec);
}

void print(const ModelSpec& spec, Json& config) {
  check(spec.qkv_bias == spec.o_bias, "a smollm3 has all attention biases or none");
  config["attention_bias"] = spec.qkv_bias;
  config["mlp_bias"] = spec.mlp_bias;
  const std::int64_t window = common_window(spec);
  config["use_sliding_window"] = window > 0;
  config["sliding_window"] = window > 0 ? Json(window) : Json(nullptr);
  config["layer_types"] = layer_types_json(spec);
  config["no_rope_layers"] = Json::array();
  for (const std::int8_t each : spec.rope_layers) { config["no_rope_layers"].push_back(each < 0 ? 0 : 1); }
}

void check_smollm3(const ModelSpec& spec) {
  check_input(spec.qkv_bias == spec.o_bias,
              "config.json: a smollm3 model has biases on q_proj, k_proj, v_proj and o_proj, or none");
}

}  // namespace

Family smollm3_family() {
  return {.model_type = "smollm3",
          .class_prefix = "SmolLM3",
          .read = read,
          .print = print,
          .check = check_smollm3};
}

}  // namespace una::weights::detail
