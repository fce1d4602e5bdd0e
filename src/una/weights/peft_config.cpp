#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/weights/config_reader.h"
#include "una/weights/peft_adapter.h"

// adapter_config.json; the rules are PEFT's (LoraConfig).
namespace una::weights {
namespace {

using detail::ConfigReader;

constexpr const char* kConfigFile = "adapter_config.json";

// PEFT's choice for llama, mistral and qwen2 when target_modules is not given.
const std::vector<std::string> kDefaultTargets = {"q_proj", "v_proj"};
// Every linear layer except the head; the model knows which those are.
constexpr const char* kAllLinear = "all-linear";

// Keys that are read below.
constexpr std::string_view kReadKeys[] = {"peft_type",
                                          "task_type",
                                          "r",
                                          "lora_alpha",
                                          "lora_dropout",
                                          "target_modules",
                                          "target_parameters",
                                          "bias",
                                          "use_rslora",
                                          "use_dora",
                                          "modules_to_save",
                                          "rank_pattern",
                                          "alpha_pattern",
                                          "base_model_name_or_path",
                                          "init_lora_weights",
                                          "layers_to_transform",
                                          "layers_pattern"};

// Keys that never change the adapter's function: notes, initialisation, settings of methods that are switched
// off.
constexpr std::string_view kHarmlessKeys[] = {
    "auto_mapping",   "revision",     "inference_mode", "peft_version",      "runtime_config",
    "fan_in_fan_out", "loftq_config", "megatron_core",  "qalora_group_size", "eva_config"};

template <std::size_t N>
bool is_in(const std::string_view (&list)[N], std::string_view key) {
  return std::find(std::begin(list), std::end(list), key) != std::end(list);
}

bool is_inert(const Json& value) {
  if (value.is_null() || (value.is_boolean() && !value.get<bool>())) { return true; }
  return (value.is_object() || value.is_array() || value.is_string()) &&
         (value.is_string() ? value.get<std::string>().empty() : value.empty());
}

// Refuses a setting that `una` does not implement unless it is null, false or empty.
void refuse_foreign_settings(const ConfigReader& config) {
  for (const auto& [key, value] : config.json().items()) {
    if (is_in(kReadKeys, key) || is_in(kHarmlessKeys, key) || is_inert(value)) { continue; }
    config.fail(
        cat("\"", key, "\": ", value.dump(), " is not supported; train or convert the adapter without it"));
  }
}

void refuse_values(const ConfigReader& config) {
  const std::string type = config.text("peft_type", "");
  if (type.empty()) { config.fail("\"peft_type\" is missing; is this a PEFT adapter?"); }
  if (type != "LORA") { config.fail(cat("the peft_type \"", type, "\" is not supported (known: LORA)")); }
  const std::string bias = config.text("bias", "none");
  if (bias != "none" && bias != "lora_only" && bias != "all") {
    config.fail(cat("\"bias\": \"", bias, "\" is not supported (known: none, lora_only, all)"));
  }
  // PiSSA, OLoRA, CorDA, LoftQ and LoRA-GA change the base weights too; the adapter is wrong without that.
  if (config.is_set("init_lora_weights") && config.json()["init_lora_weights"].is_string()) {
    const std::string init = config.text("init_lora_weights", "");
    if (init != "gaussian" && init != "eva" && init != "orthogonal") {
      config.fail(cat("\"init_lora_weights\": \"", init,
                      "\" goes with changed base weights and is not supported; ",
                      "save the adapter with PEFT's path_initial_model_for_weight_conversion"));
    }
  }
}

std::string read_task_type(const ConfigReader& config) {
  const std::vector<std::string> saved = config.texts("modules_to_save");
  const bool has_head = std::find(saved.begin(), saved.end(), "score") != saved.end();
  const std::string type = config.text("task_type", has_head ? "SEQ_CLS" : "CAUSAL_LM");
  if (type != "CAUSAL_LM" && type != "SEQ_CLS") {
    config.fail(cat("the task_type \"", type, "\" is not supported (known: CAUSAL_LM, SEQ_CLS)"));
  }
  return type;
}

// PEFT always lists a classifier's head under both names that heads can have; decoders only have "score".
std::vector<std::string> read_saved_modules(const ConfigReader& config, const std::string& task_type) {
  const std::vector<std::string> listed = config.texts("modules_to_save");
  std::set<std::string> modules(listed.begin(), listed.end());
  if (task_type == "SEQ_CLS") {
    modules.erase("classifier");
    modules.insert("score");
  }
  return {modules.begin(), modules.end()};
}

std::string lower(std::string text) {
  for (char& letter : text) {
    letter = static_cast<char>(letter >= 'A' && letter <= 'Z' ? letter + 32 : letter);
  }
  return text;
}

void read_targets(const ConfigReader& config, LoraSpec& spec) {
  const std::vector<std::string> listed_parameters = config.texts("target_parameters");
  const std::set<std::string> parameters(listed_parameters.begin(), listed_parameters.end());
  if (parameters.count("") > 0) { config.fail("\"target_parameters\" has an empty entry"); }
  spec.target_parameters = {parameters.begin(), parameters.end()};
  const bool bare = !config.is_set("target_modules") || config.json()["target_modules"].empty();
  if (bare && !parameters.empty()) { return; }
  if (!config.is_set("target_modules")) {
    spec.target_modules = kDefaultTargets;
    return;
  }
  if (!config.json()["target_modules"].is_string()) {
    const std::vector<std::string> listed = config.texts("target_modules");
    const std::set<std::string> names(listed.begin(), listed.end());
    if (names.empty() || names.count("") > 0) { config.fail("\"target_modules\" has no or an empty entry"); }
    spec.target_modules = {names.begin(), names.end()};
    return;
  }
  const std::string pattern = config.text("target_modules", "");
  if (pattern.empty()) { config.fail("\"target_modules\" is empty"); }
  if (lower(pattern) == kAllLinear) {
    spec.target_modules = {kAllLinear};
    return;
  }
  spec.target_modules = {pattern};
  spec.targets_are_regex = true;
}

std::vector<std::int64_t> read_layers(const ConfigReader& config) {
  std::vector<std::int64_t> out;
  if (!config.is_set("layers_to_transform")) { return out; }
  const Json& value = config.json()["layers_to_transform"];
  for (const Json& item : value.is_array() ? value : Json::array({value})) {
    if (!item.is_number_integer() || item.get<std::int64_t>() < 0) {
      config.fail("\"layers_to_transform\" must be layer numbers");
    }
    out.push_back(item.get<std::int64_t>());
  }
  return out;
}

std::vector<std::string> text_or_texts(const ConfigReader& config, const char* key) {
  if (!config.is_set(key) || !config.json()[key].is_string()) { return config.texts(key); }
  const std::string text = config.text(key, "");
  return text.empty() ? std::vector<std::string>{} : std::vector<std::string>{text};
}

void read_layer_choice(const ConfigReader& config, LoraSpec& spec) {
  spec.layers_to_transform = read_layers(config);
  spec.layers_pattern = text_or_texts(config, "layers_pattern");
  if (spec.layers_to_transform.empty()) {
    if (!spec.layers_pattern.empty()) { config.fail("\"layers_pattern\" needs \"layers_to_transform\""); }
    return;
  }
  if (spec.targets_are_regex || spec.target_modules == std::vector<std::string>{kAllLinear}) {
    config.fail("\"layers_to_transform\" goes with a list of \"target_modules\" only");
  }
}

// In the file's order, because the first matching pattern wins.
void read_patterns(const ConfigReader& config, LoraSpec& spec) {
  for (const char* key : {"rank_pattern", "alpha_pattern"}) {
    if (!config.is_set(key)) { continue; }
    const std::string where = cat(config.what(), ": \"", key, "\"");
    const ConfigReader pattern(config.object(key).json(), where);
    for (const auto& [name, value] : pattern.json().items()) {
      if (std::string_view(key) == "rank_pattern") {
        spec.rank_pattern.emplace_back(name, pattern.size(name.c_str()));
      } else {
        spec.alpha_pattern.emplace_back(name, pattern.positive(name.c_str(), 1));
      }
    }
  }
}

// PEFT writes whole numbers as integers.
Json number_json(double value) {
  if (value == std::floor(value) && std::fabs(value) < 1e15) { return static_cast<std::int64_t>(value); }
  return value;
}

std::vector<std::string> sorted(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

bool is_adapter_folder(const std::string& folder) { return is_file(cat(folder, "/", kConfigFile)); }

LoraSpec read_adapter_config(const std::string& folder) {
  const std::string path = cat(folder, "/", kConfigFile);
  check_input(is_folder(folder), "the adapter folder ", folder, " does not exist");
  check_input(is_file(path), folder, " is not an adapter folder: ", kConfigFile, " is missing");
  return parse_adapter_config(read_file(path), path);
}

LoraSpec parse_adapter_config(const std::string& config_json, const std::string& what) {
  const Json root = parse_json(config_json, what);
  check_input(root.is_object(), what, ": must be a JSON object");
  const ConfigReader config(root, what);
  refuse_values(config);
  refuse_foreign_settings(config);
  LoraSpec spec;
  spec.r = config.size("r", 8);
  spec.alpha = config.positive("lora_alpha", 8);
  spec.dropout = number_member(root, "lora_dropout", 0, what);
  if (!(spec.dropout >= 0 && spec.dropout < 1)) { config.fail("\"lora_dropout\" must be in [0, 1)"); }
  spec.use_rslora = config.flag("use_rslora", false);
  spec.use_dora = config.flag("use_dora", false);
  spec.bias = config.text("bias", "none");
  spec.task_type = read_task_type(config);
  spec.modules_to_save = read_saved_modules(config, spec.task_type);
  spec.base_model_name_or_path = config.text("base_model_name_or_path", "");
  read_targets(config, spec);
  read_layer_choice(config, spec);
  read_patterns(config, spec);
  return spec;
}

std::string print_adapter_config(const LoraSpec& spec) {
  check(!spec.target_modules.empty() || !spec.target_parameters.empty(), "print_adapter_config: no targets");
  check(!spec.targets_are_regex || spec.target_modules.size() == 1, "print_adapter_config: several patterns");
  nlohmann::json config = {{"alpha_pattern", nlohmann::json::object()},
                           {"auto_mapping", nullptr},
                           {"bias", spec.bias},
                           {"fan_in_fan_out", false},
                           {"inference_mode", true},
                           {"init_lora_weights", true},
                           {"layer_replication", nullptr},
                           {"layers_pattern", nullptr},
                           {"layers_to_transform", nullptr},
                           {"loftq_config", nlohmann::json::object()},
                           {"lora_alpha", number_json(spec.alpha)},
                           {"lora_dropout", spec.dropout},
                           {"megatron_config", nullptr},
                           {"megatron_core", "megatron.core"},
                           {"peft_type", "LORA"},
                           {"r", spec.r},
                           {"rank_pattern", nlohmann::json::object()},
                           {"revision", nullptr},
                           {"task_type", spec.task_type},
                           {"use_dora", spec.use_dora},
                           {"use_rslora", spec.use_rslora}};
  config["base_model_name_or_path"] = nullptr;
  if (!spec.base_model_name_or_path.empty()) {
    config["base_model_name_or_path"] = spec.base_model_name_or_path;
  }
  config["modules_to_save"] = nullptr;
  if (!spec.modules_to_save.empty()) { config["modules_to_save"] = sorted(spec.modules_to_save); }
  config["target_modules"] = sorted(spec.target_modules);
  const bool is_text = spec.targets_are_regex || spec.target_modules == std::vector<std::string>{kAllLinear};
  if (is_text) { config["target_modules"] = spec.target_modules.front(); }
  if (!spec.target_parameters.empty()) { config["target_parameters"] = sorted(spec.target_parameters); }
  if (!spec.layers_to_transform.empty()) { config["layers_to_transform"] = spec.layers_to_transform; }
  if (!spec.layers_pattern.empty()) { config["layers_pattern"] = spec.layers_pattern; }
  // Sorted as by Python's json.dumps(indent=2, sort_keys=True), except for the patterns, whose order is
  // significant.
  Json ordered = config;
  for (const auto& [name, rank] : spec.rank_pattern) { ordered["rank_pattern"][name] = rank; }
  for (const auto& [name, alpha] : spec.alpha_pattern) {
    ordered["alpha_pattern"][name] = number_json(alpha);
  }
  return ordered.dump(2, ' ', true);
}

}  // namespace una::weights
