#include <algorithm>

#include "una/weights/families/decoder_config.h"

namespace una::weights::detail {
namespace {

constexpr std::int64_t kDefaultWindow = 4096;
constexpr std::int64_t kDefaultMaxWindowLayers = 28;

}  // namespace

void read_qwen_windows(const ConfigReader& config, ModelSpec& spec) {
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

void print_qwen_windows(const ModelSpec& spec, Json& config) {
  const std::int64_t window = common_window(spec);
  config["use_sliding_window"] = window > 0;
  config["sliding_window"] = window == 0 ? Json(nullptr) : Json(window);
  const std::int64_t full = std::count(spec.windows.begin(), spec.windows.end(), 0);
  // Older readers know only max_window_layers; layer_types also describes sliding layers that are not the
  // last ones.
  config["max_window_layers"] = spec.windows.empty() ? spec.num_layers : full;
  if (window > 0) { config["layer_types"] = layer_types_json(spec); }
}

}  // namespace una::weights::detail
