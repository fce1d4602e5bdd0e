#pragma once

#include "una/base/json.h"
#include "una/core/model_spec.h"
#include "una/weights/config_reader.h"

// Rope in config.json; the rules are transformers' (modeling_rope_utils, Phi3Config, Gemma3TextConfig).
namespace una::weights::detail {

// How a family writes its rope.
struct RopeDialect {
  double theta = 10000;        // the default
  bool partial = false;        // "partial_rotary_factor" may differ from 1
  double partial_factor = 1;   // its default
  bool only_longrope = false;  // phi3: "su" and "yarn" are old names of longrope; no other type but default
  bool proportional = false;   // gemma4: the type proportional, and besides only default and linear
  bool query_beta = false;     // ministral3: reads "llama_4_scaling_beta", which must be there
  std::int64_t original_positions = 0;  // the default of "original_max_position_embeddings"; 0: all positions
};

// Reads rope_theta + rope_scaling, or rope_parameters; if both exist, rope_scaling wins, as in transformers.
RopeSpec read_rope(const ConfigReader& config, const RopeDialect& dialect, const ModelSpec& spec);

// The same from one object of rope parameters; `theta` is the default.
RopeSpec read_rope_parameters(const ConfigReader& config, const ConfigReader& parameters, double theta,
                              const RopeDialect& dialect, const ModelSpec& spec);

// "rope_scaling", the older spelling: readers of both generations understand it, while older ones would
// silently ignore rope_parameters.
Json rope_scaling_json(const RopeSpec& rope);

}  // namespace una::weights::detail
