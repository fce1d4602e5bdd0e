#include <cstdint>
#include <string>

#include "una/base/error.h"
#include "una/base/pattern.h"
#include "una/core/lora_spec.h"
#include "una/weights/peft_adapter.h"

// An adapter_config.json, and the patterns in it: compiled, and matched with the name of a module.
namespace {

void match(const std::string& pattern) {
  try {
    const una::Pattern whole = una::Pattern::whole(pattern, "pattern");
    static_cast<void>(whole.found_in("model.layers.12.self_attn.q_proj"));
    static_cast<void>(una::Pattern(pattern, "pattern").last_group("model.layers.12.self_attn.q_proj"));
  } catch (const una::InputError&) {  // the only exception that is allowed
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const una::LoraSpec spec = una::weights::parse_adapter_config({reinterpret_cast<const char*>(data), size},
                                                                  "adapter_config.json");
    for (const std::string& target : spec.target_modules) { match(target); }
    for (const auto& [pattern, rank] : spec.rank_pattern) { match(pattern); }
    for (const auto& [pattern, alpha] : spec.alpha_pattern) { match(pattern); }
    for (const std::string& pattern : spec.layers_pattern) { match(pattern); }
  } catch (const una::InputError&) {  // the only exception that is allowed
  }
  return 0;
}
