#include "una/weights/rope_config.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string>
#include <vector>

#include "una/base/error.h"
#include "una/base/format.h"

namespace una::weights::detail {
namespace {

constexpr const char* kOriginal = "original_max_position_embeddings";
constexpr const char* kPartial = "partial_rotary_factor";
constexpr const char* kBeta = "llama_4_scaling_beta";

void need(const ConfigReader& config, const ConfigReader& scaling, const RopeSpec& rope, const char* key) {
  if (!scaling.is_set(key)) { config.fail(cat("the rope type ", rope.type, " needs \"", key, "\"")); }
}

std::int64_t read_original(const ConfigReader& config, const ConfigReader& scaling,
                           const RopeDialect& dialect, const ModelSpec& spec) {
  if (config.is_set(kOriginal)) { return config.size(kOriginal); }
  if (dialect.original_positions > 0) { return dialect.original_positions; }
  return scaling.size(kOriginal, spec.max_positions);
}

void read_llama3(const ConfigReader& config, const ConfigReader& scaling, RopeSpec& rope) {
  for (const char* key : {"factor", "low_freq_factor", "high_freq_factor"}) {
    need(config, scaling, rope, key);
  }
  rope.factor = scaling.positive("factor", 1);
  rope.low_freq_factor = scaling.positive("low_freq_factor", 1);
  rope.high_freq_factor = scaling.positive("high_freq_factor", 4);
  if (rope.high_freq_factor <= rope.low_freq_factor) {
    config.fail("rope: \"high_freq_factor\" must be above \"low_freq_factor\"");
  }
}

void read_yarn(const ConfigReader& config, const ConfigReader& scaling, RopeSpec& rope, double stretch) {
  if (!scaling.is_null("factor")) { need(config, scaling, rope, "factor"); }
  rope.factor = scaling.positive("factor", stretch);  // null: the ratio of the two lengths
  if (scaling.is_set("attention_factor")) { rope.attention_factor = scaling.positive("attention_factor", 1); }
  rope.beta_fast = scaling.positive("beta_fast", rope.beta_fast);
  rope.beta_slow = scaling.positive("beta_slow", rope.beta_slow);
  if (scaling.is_set("mscale")) { rope.mscale = scaling.number("mscale"); }
  if (scaling.is_set("mscale_all_dim")) { rope.mscale_all_dim = scaling.number("mscale_all_dim"); }
  rope.truncate = scaling.flag("truncate", true);
  if (rope.theta == 1) { config.fail("the rope type yarn needs a \"rope_theta\" other than 1"); }
}

void read_longrope(const ConfigReader& config, const ConfigReader& scaling, RopeSpec& rope, double stretch,
                   std::int64_t pairs) {
  rope.factor = scaling.positive("factor", stretch);
  if (scaling.is_set("attention_factor")) { rope.attention_factor = scaling.positive("attention_factor", 1); }
  rope.short_factor = scaling.positives("short_factor");
  rope.long_factor = scaling.positives("long_factor");
  for (const auto& [key, list] :
       {std::pair{"short_factor", &rope.short_factor}, {"long_factor", &rope.long_factor}}) {
    if (std::ssize(*list) != pairs) {
      config.fail(cat("the rope type longrope needs \"", key, "\" with ", pairs, " numbers, found ",
                      std::ssize(*list)));
    }
  }
  if (rope.original_max_positions < 2) {
    config.fail(cat("\"", kOriginal, "\" must be at least 2 for longrope"));
  }
}

// The other dimensions turn by nothing, so that their number may be anything.
void check_share(const ConfigReader& config, const ModelSpec& spec, const RopeSpec& rope) {
  const double pairs = std::floor(rope.partial_rotary_factor * static_cast<double>(spec.head_dim) / 2);
  if (pairs < 1 || rope.partial_rotary_factor > 1) {
    config.fail(cat("\"", kPartial, "\" ", rope.partial_rotary_factor, " turns ", pairs, " of the ",
                    spec.head_dim / 2, " pairs of a head, but must turn one at least"));
  }
}

void read_partial(const ConfigReader& config, const ConfigReader& parameters, const RopeDialect& dialect,
                  const ModelSpec& spec, RopeSpec& rope) {
  rope.partial_rotary_factor =
      parameters.positive(kPartial, config.positive(kPartial, dialect.partial_factor));
  if (rope.partial_rotary_factor == 1) { return; }
  if (rope.type == "proportional") { return check_share(config, spec, rope); }
  if (!dialect.partial) { config.fail(cat("a \"", kPartial, "\" other than 1 is not supported here")); }
  const double turning = std::floor(static_cast<double>(spec.head_dim) * rope.partial_rotary_factor);
  if (turning < 2 || turning > static_cast<double>(spec.head_dim) || std::fmod(turning, 2) != 0) {
    config.fail(cat("\"", kPartial, "\" ", rope.partial_rotary_factor, " turns ", turning, " of ",
                    spec.head_dim, " dimensions of a head, but must turn an even number of them"));
  }
}

// transformers takes both from the rope's own parameters, and fails without them.
void read_query_beta(const ConfigReader& config, const ConfigReader& parameters, RopeSpec& rope) {
  for (const char* key : {kBeta, kOriginal}) {
    if (!parameters.is_set(key)) { config.fail(cat("the rope of this family needs \"", key, "\"")); }
  }
  rope.query_beta = parameters.number(kBeta);
  rope.original_max_positions = parameters.size(kOriginal);
}

void read_type(const ConfigReader& config, const RopeDialect& dialect, RopeSpec& rope) {
  if (dialect.only_longrope && (rope.type == "su" || rope.type == "yarn")) { rope.type = "longrope"; }
  std::vector<std::string> known = {"default", "linear", "dynamic", "yarn", "llama3", "longrope"};
  if (dialect.only_longrope) { known = {"default", "longrope"}; }
  if (dialect.proportional) { known = {"default", "linear", "proportional"}; }
  if (std::find(known.begin(), known.end(), rope.type) == known.end()) {
    config.fail(cat("the rope type \"", rope.type, "\" is not supported (known: ", join(known, ", "), ")"));
  }
}

RopeSpec read_kind(const ConfigReader& config, const ConfigReader& parameters, double theta,
                   const RopeDialect& dialect, const ModelSpec& spec) {
  RopeSpec rope;
  rope.theta = parameters.positive("rope_theta", theta);
  rope.type = parameters.text("rope_type", parameters.text("type", "default"));
  read_type(config, dialect, rope);
  read_partial(config, parameters, dialect, spec, rope);
  if (rope.type == "default") { return rope; }
  if (rope.type == "proportional") {
    rope.factor = parameters.positive("factor", 1);
    return rope;
  }
  if (rope.type == "linear" || rope.type == "dynamic") {
    need(config, parameters, rope, "factor");
    rope.factor = parameters.positive("factor", 1);
    if (rope.type == "dynamic" && spec.head_dim <= 2) {
      config.fail("dynamic rope needs a head_dim above 2");
    }
    if (rope.type == "dynamic" && rope.factor < 1) {
      config.fail("dynamic rope needs a \"factor\" of at least 1");
    }
    return rope;
  }
  rope.original_max_positions = read_original(config, parameters, dialect, spec);
  const double stretch =
      static_cast<double>(spec.max_positions) / static_cast<double>(rope.original_max_positions);
  if (rope.type == "llama3") { read_llama3(config, parameters, rope); }
  if (rope.type == "yarn") { read_yarn(config, parameters, rope, stretch); }
  const auto turning = static_cast<double>(spec.head_dim) * rope.partial_rotary_factor;
  if (rope.type == "longrope") {
    read_longrope(config, parameters, rope, stretch, static_cast<std::int64_t>(turning) / 2);
  }
  return rope;
}

}  // namespace

RopeSpec read_rope_parameters(const ConfigReader& config, const ConfigReader& parameters, double theta,
                              const RopeDialect& dialect, const ModelSpec& spec) {
  RopeSpec rope = read_kind(config, parameters, theta, dialect, spec);
  if (dialect.query_beta) { read_query_beta(config, parameters, rope); }
  return rope;
}

RopeSpec read_rope(const ConfigReader& config, const RopeDialect& dialect, const ModelSpec& spec) {
  const char* key = nullptr;
  for (const char* each : {"rope_scaling", "rope_parameters"}) {
    if (key == nullptr && config.is_set(each) && !config.json()[each].empty()) { key = each; }
  }
  const double theta = config.positive("rope_theta", dialect.theta);
  if (key == nullptr) {
    RopeSpec rope;
    rope.theta = theta;
    read_partial(config, config, dialect, spec, rope);
    return rope;
  }
  const ConfigReader scaling = config.object(key);
  for (const Json& value : scaling.json()) {
    if (value.is_object()) { config.fail(cat("\"", key, "\" for each kind of layer is not supported here")); }
  }
  return read_rope_parameters(config, scaling, theta, dialect, spec);
}

Json rope_scaling_json(const RopeSpec& rope) {
  if (rope.type == "default") { return nullptr; }
  Json out = {{"rope_type", rope.type}, {"factor", rope.factor}};
  if (rope.type == "proportional") { out[kPartial] = rope.partial_rotary_factor; }
  if (rope.type == "llama3") {
    out["low_freq_factor"] = rope.low_freq_factor;
    out["high_freq_factor"] = rope.high_freq_factor;
  }
  if (rope.type == "yarn") {
    out["beta_fast"] = rope.beta_fast;
    out["beta_slow"] = rope.beta_slow;
    if (rope.mscale != 0) { out["mscale"] = rope.mscale; }
    if (rope.mscale_all_dim != 0) { out["mscale_all_dim"] = rope.mscale_all_dim; }
    if (!rope.truncate) { out["truncate"] = false; }
  }
  if (rope.type == "longrope") {
    out["short_factor"] = rope.short_factor;
    out["long_factor"] = rope.long_factor;
  }
  if (rope.original_max_positions > 0) { out[kOriginal] = rope.original_max_positions; }
  if (rope.attention_factor > 0) { out["attention_factor"] = rope.attention_factor; }
  return out;
}

}  // namespace una::weights::detail
