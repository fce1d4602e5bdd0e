#include <cstdint>
#include <string>

#include "una/base/error.h"
#include "una/weights/hf_config.h"

// A config.json: read, and changed as una changes those that it writes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    static_cast<void>(una::weights::parse_model_spec(text, "config.json"));
    static_cast<void>(una::weights::reward_model_config(text, 0));
    static_cast<void>(una::weights::config_with_dtype(text, "bfloat16"));
  } catch (const una::InputError&) {  // the only exception that is allowed
  }
  return 0;
}
