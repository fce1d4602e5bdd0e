#include "una/base/error.h"
#include "una/weights/family.h"

namespace una::weights::detail {
namespace {

constexpr std::int64_t kDefaultKvHeads = 32;
constexpr std::int64_t kDefaultWindow = 4096;
constexpr std::int64_t kDefaultMaxWindowLayers = 28;

// transformers: the layers from max_window_layers on slide, if use_sliding_window; layer_types goes before.
void read_windows(const ConfigReader& config, ModelSpec& spec) {
  const bool slides = config.flag("use_sliding_window", false) && !config.is_null("sliding_window");
  const std::int64_t window = slides ? config.size("sliding_window", kDefaultWindow) : 0;
  const std::int64_t first =
      integer_member(config.json(), "max_window_layers", kDefaultMaxWindowLayers, config.what());
  const std::vector<bool> listed = read_sliding_layers(config, spec.num_layers);
  for (std::size_t i = 0; i < spec.windows.size(); ++i) {
    const bool sliding = listed.empty() ? static_cast<std::int64_t>(i) >= first : listed[i];
    if (!listed.empty() && sliding && !slides) {
      config.fail("\"layer_types\" has sliding layers, but \"use_sliding_window\" is off");
    }
    spec.windows[i] = sliding ? window : 0;
  }
}

void read(const ConfigReader& config, ModelSpec& spec) {
  read_decoder(config, {.num_kv_heads = kDefaultKvHeads, .max_positions = 32768}, spec);
  spec.qkv_bias = true;
  read_windows(config, spec);
}

void print(const ModelSpec& spec, Json& config) {
  check(spec.qkv_bias && !spec.o_bias && !spec.mlp_bias, "a qwen2 has biases on q, k and v only");
  const std::int64_t window = common_window(spec);
  config["use_sliding_window"] = window > 0;
  config["sliding_window"] = window == 0 ? Json(nullptr) : Json(window);
  Json types = Json::array();
  std::int64_t full = 0;
  for (const std::int64_t each : spec.windows) {
    types.push_back(each > 0 ? "sliding_attention" : "full_attention");
    if (each == 0) ++full;
  }
  // Older readers know only max_window_layers; layer_types says more where the sliding layers are no tail.
  config["max_window_layers"] = spec.windows.empty() ? spec.num_layers : full;
  if (window > 0) config["layer_types"] = types;
}

}  // namespace

Family qwen2_family();
Family qwen2_family() { return {"qwen2", "Qwen2", {}, read, print}; }

}  // namespace una::weights::detail
