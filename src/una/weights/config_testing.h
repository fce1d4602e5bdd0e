#pragma once

// For the tests of this room and of gguf: small config.json texts.

#include <string>

#include "una/base/json.h"
#include "una/base/testing.h"
#include "una/core/model_spec.h"
#include "una/weights/hf_config.h"
#include "una/weights/testing.h"

namespace una::weights {

// A small config.json overlaid with the given members (null included; "-key" removes one).
inline std::string config(const std::string& model_type, const std::string& changes = "{}") {
  Json out = Json::parse(R"({"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 4,
      "num_attention_heads": 8, "num_key_value_heads": 4, "vocab_size": 100})");
  out["model_type"] = model_type;
  const Json members = Json::parse(changes);
  for (const auto& [key, value] : members.items()) {
    if (key.front() == '-') {
      out.erase(key.substr(1));
    } else {
      out[key] = value;
    }
  }
  return out.dump();
}

inline ModelSpec parse(const std::string& model_type, const std::string& changes = "{}") {
  return parse_model_spec(config(model_type, changes), "config.json");
}

inline std::string refusal(const std::string& model_type, const std::string& changes) {
  return error_of([&] { parse(model_type, changes); });
}

#define EXPECT_REFUSED(model_type, changes, part)                              \
  do {                                                                         \
    const std::string error = refusal(model_type, changes);                    \
    EXPECT_NE(error.find(part), std::string::npos) << error;                   \
    EXPECT_EQ(error.find("config.json: "), 0U) << "names the file: " << error; \
  } while (false)

}  // namespace una::weights
