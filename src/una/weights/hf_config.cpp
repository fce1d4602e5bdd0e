#include "una/weights/hf_config.h"

#include <algorithm>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/weights/composite.h"
#include "una/weights/config_reader.h"
#include "una/weights/families/decoder_config.h"
#include "una/weights/family.h"

namespace una::weights {
namespace {

using detail::ConfigReader;

constexpr const char* kCausal = "ForCausalLM";
constexpr const char* kClassifier = "ForSequenceClassification";

std::vector<std::string> known_names(bool architectures) {
  std::vector<std::string> names;
  for (const Family& family : families()) {
    if (!architectures) { names.push_back(family.model_type); }
    if (!architectures) { continue; }
    names.push_back(family.prefix(false) + kCausal);
    if (family.has_classifier) { names.push_back(family.prefix(true) + kClassifier); }
  }
  return names;
}

const Family* family_of_type(const std::string& model_type) {
  for (const Family& family : families()) {
    if (family.model_type == model_type) { return &family; }
  }
  return nullptr;
}

// "MistralForCausalLM" -> mistral and "ForCausalLM"; a null family when the name is unknown.
std::pair<const Family*, const char*> split_architecture(const std::string& name) {
  for (const char* head : {kCausal, kClassifier}) {
    if (!ends_with(name, head)) { continue; }
    const std::string prefix = name.substr(0, name.size() - std::string(head).size());
    for (const Family& family : families()) {
      if (head == kClassifier && !family.has_classifier) { continue; }
      const auto& aliases = family.aliases;
      if (prefix == family.prefix(head == kClassifier) ||
          std::find(aliases.begin(), aliases.end(), prefix) != aliases.end()) {
        return {&family, head};
      }
    }
  }
  return {nullptr, kCausal};
}

// "qwen3" for "qwen3_next", "olmo2" for "olmo4"; "" when no family is near.
std::string nearest_family(const std::string& model_type, const std::vector<std::string>& known) {
  std::string near;
  for (const std::string& name : known) {
    if (starts_with(model_type, name) && name.size() > near.size()) { near = name; }
  }
  return near.empty() ? nearest_name(model_type, known) : near;
}

// What to say of an unknown model_type: the nearest family, and what this config has that no family here does.
[[noreturn]] void fail_unknown_type(const ConfigReader& config, const std::string& model_type) {
  const std::vector<std::string> known = known_names(false);
  const std::string near = nearest_family(model_type, known);
  const std::vector<std::string> foreign = detail::foreign_keys(config);
  const std::string has =
      foreign.empty() ? "" : cat(", but this config has \"", join(foreign, "\", \""), "\"");
  const std::string nearest = near.empty() ? "" : cat("; the nearest is ", near, has);
  config.fail(cat("the model_type \"", model_type, "\" is not supported", nearest,
                  " (known: ", join(known, ", "), "; of composite models the text part of ",
                  join(composite_types(), ", "), ")"));
}

// Returns the family, and sets `architecture` to transformers' spelling.
const Family& read_family(const ConfigReader& config, std::string& architecture) {
  const std::string model_type = config.text("model_type", "");
  const std::vector<std::string> architectures = config.texts("architectures");
  const Family* by_type = family_of_type(model_type);
  if (!model_type.empty() && by_type == nullptr) { fail_unknown_type(config, model_type); }
  if (architectures.empty()) {
    if (by_type == nullptr) { config.fail("neither \"architectures\" nor \"model_type\" is given"); }
    architecture = by_type->class_prefix + kCausal;
    return *by_type;
  }
  const auto [family, head] = split_architecture(architectures.front());
  if (family == nullptr) {
    config.fail(cat("the architecture \"", architectures.front(),
                    "\" is not supported (known: ", join(known_names(true), ", "), ")"));
  }
  if (by_type != nullptr && by_type != family) {
    config.fail(cat("model_type \"", model_type, "\" and architecture \"", architectures.front(),
                    "\" contradict each other; correct the wrong one"));
  }
  architecture = family->prefix(head == kClassifier) + head;
  return *family;
}

// The labels of a classifier. transformers counts id2label, else reads num_labels, else assumes 2.
std::int64_t read_num_labels(const ConfigReader& config) {
  const std::int64_t given = config.size("num_labels", 2);
  if (!config.is_set("id2label")) { return given; }
  const auto labels = static_cast<std::int64_t>(config.object("id2label").json().size());
  if (labels == 0) { config.fail("\"id2label\" is empty"); }
  if (config.is_set("num_labels") && labels != given) {
    config.fail(cat("\"num_labels\" is ", given, ", but \"id2label\" has ", labels, " entries"));
  }
  return labels;
}

// InputError for a quantised form that model/quantised_files.h does not read.
void check_quantisation(const ConfigReader& config) {
  if (!config.is_set("quantization_config")) { return; }
  const ConfigReader quantization = config.object("quantization_config");
  const std::string method = quantization.text("quant_method", "unknown method");
  if (method == "bitsandbytes" || method == "mxfp4") { return; }
  if (method != "fp8") {
    config.fail(cat("the weights are quantised (", method,
                    "), which is not supported (known: fp8, bitsandbytes, mxfp4); ",
                    "take the model in bfloat16 or float32"));
  }
  if (!quantization.is_set("weight_block_size")) { return; }
  const Json& blocks = quantization.json()["weight_block_size"];
  if (blocks != Json::array({128, 128})) {
    config.fail(
        cat("\"weight_block_size\" is ", blocks.dump(), "; fp8 weights in blocks of [128,128] are read"));
  }
}

// The composite of a config.json's model_type and architecture; null: a text model's.
const Composite* read_composite(const ConfigReader& config) {
  const Composite* composite = find_composite(config.text("model_type", ""));
  if (composite == nullptr) { return nullptr; }
  const std::vector<std::string> architectures = config.texts("architectures");
  if (!architectures.empty() && architectures.front() != composite->class_name) {
    config.fail(cat("the architecture \"", architectures.front(), "\" of a ", composite->model_type,
                    " model is not supported (known: ", composite->class_name, ")"));
  }
  return composite;
}

// A composite's text decoder, whose architecture stays the composite's.
ModelSpec read_text_spec(const Composite& composite, const Json& root, const std::string& what) {
  const std::string where = what + ": text_config";
  const Json text = text_config(composite, root, what);
  const ConfigReader config(text, where);
  const std::string model_type = config.text("model_type", "");
  const Family* family = family_of_type(model_type);
  if (family == nullptr) { fail_unknown_type(config, model_type); }
  check_quantisation(config);
  ModelSpec spec;
  spec.architecture = composite.class_name;
  spec.model_type = family->model_type;
  family->read(config, spec);
  return spec;
}

std::string dump_sorted(const Json& config) { return nlohmann::json(config).dump(2) + "\n"; }

Json eos_json(const std::vector<std::int32_t>& ids) {
  if (ids.empty()) { return nullptr; }
  return ids.size() == 1 ? Json(ids.front()) : Json(ids);
}

Json token_json(std::int32_t id) { return id < 0 ? Json(nullptr) : Json(id); }

void set_labels(Json& config, std::int64_t count) {
  Json names = Json::object(), numbers = Json::object();
  for (std::int64_t i = 0; i < count; ++i) {
    names[std::to_string(i)] = cat("LABEL_", i);
    numbers[cat("LABEL_", i)] = i;
  }
  config["id2label"] = names;
  config["label2id"] = numbers;
  config["num_labels"] = count;
}

// generation_config.json may name more end-of-sequence ids than config.json (chat models: the end of a turn).
void add_generation_eos(const std::string& folder, ModelSpec& spec) {
  const std::string path = cat(folder, "/generation_config.json");
  if (!is_file(path)) { return; }
  const Json root = parse_json(read_file(path), path);
  check_input(root.is_object(), path, ": must be a JSON object");
  const ConfigReader config(root, path);
  const std::vector<std::int32_t> ids = config.tokens("eos_token_id", {});
  if (ids != spec.eos_ids) {
    detail::check_eos_ids(config, ids, spec.vocab_size);  // equal ids have passed config.json's check
  }
  for (const std::int32_t id : ids) {
    if (std::find(spec.eos_ids.begin(), spec.eos_ids.end(), id) == spec.eos_ids.end()) {
      spec.eos_ids.push_back(id);
    }
  }
}

}  // namespace

ModelSpec read_model_spec(const std::string& folder) {
  const std::string path = cat(folder, "/config.json");
  check_input(is_folder(folder), "the model folder ", folder, " does not exist");
  check_input(is_file(path) || !is_file(cat(folder, "/adapter_config.json")), folder,
              " holds an adapter, not a model; name its base model as the model and give this ",
              "folder as the adapter");
  check_input(is_file(path), folder, " is not a model folder: config.json is missing");
  ModelSpec spec = parse_model_spec(read_file(path), path);
  add_generation_eos(folder, spec);
  return spec;
}

ModelSpec parse_model_spec(const std::string& config_json, const std::string& what) {
  const Json root = parse_json(config_json, what);
  check_input(root.is_object(), what, ": must be a JSON object");
  const ConfigReader config(root, what);
  if (const Composite* composite = read_composite(config)) { return read_text_spec(*composite, root, what); }
  ModelSpec spec;
  const Family& family = read_family(config, spec.architecture);
  spec.model_type = family.model_type;
  check_quantisation(config);
  if (ends_with(spec.architecture, kClassifier)) { spec.num_labels = read_num_labels(config); }
  family.read(config, spec);
  return spec;
}

std::string print_model_spec(const ModelSpec& spec) {
  const Family* family = family_of_type(spec.model_type);
  check(family != nullptr, "print_model_spec: unknown model_type");
  check(!spec.architecture.empty(), "print_model_spec: no architecture");
  Json config = {{"architectures", Json::array({spec.architecture})},
                 {"attention_dropout", 0.0},
                 {"bos_token_id", token_json(spec.bos_id)},
                 {"eos_token_id", eos_json(spec.eos_ids)},
                 {"pad_token_id", token_json(spec.pad_id)},
                 {"head_dim", spec.head_dim},
                 {"hidden_act", spec.activation},
                 {"hidden_size", spec.hidden_size},
                 {"initializer_range", spec.initializer_range},
                 {"intermediate_size", spec.intermediate_size},
                 {"max_position_embeddings", spec.max_positions},
                 {"model_type", spec.model_type},
                 {"num_attention_heads", spec.num_heads},
                 {"num_hidden_layers", spec.num_layers},
                 {"num_key_value_heads", spec.num_kv_heads},
                 {"rms_norm_eps", spec.norm_eps},
                 {"rope_scaling", detail::rope_scaling_json(spec.rope)},
                 {"rope_theta", spec.rope.theta},
                 {"tie_word_embeddings", spec.tie_word_embeddings},
                 {"use_cache", true},
                 {"vocab_size", spec.vocab_size}};
  if (!spec.torch_dtype.empty()) { config["torch_dtype"] = spec.torch_dtype; }
  if (spec.is_reward_model()) { set_labels(config, spec.num_labels); }
  if (spec.rope.partial_rotary_factor != 1) {
    config["partial_rotary_factor"] = spec.rope.partial_rotary_factor;
  }
  family->print(spec, config);
  return dump_sorted(config);
}

std::string reward_model_config(const std::string& config_json, std::int32_t pad_id) {
  const std::string what = "the base model's config.json";
  const ModelSpec base = parse_model_spec(config_json, what);
  Json config = parse_json(config_json, what);
  check_input(family_of_type(base.model_type)->has_classifier, what,
              ": transformers has no class for a reward model of ", base.model_type,
              ", so nothing could load one; start from a model of another family");
  config["architectures"] = Json::array({family_of_type(base.model_type)->prefix(true) + kClassifier});
  config["model_type"] = base.model_type;
  set_labels(config, 1);
  config["pad_token_id"] = token_json(pad_id);
  // Either would make transformers use another class or loss.
  config.erase("problem_type");
  config.erase("auto_map");
  return config.dump(2) + "\n";
}

std::string config_with_dtype(const std::string& config_json, const std::string& dtype) {
  const std::string what = "the model's config.json";
  const bool same_dtype = parse_model_spec(config_json, what).torch_dtype == dtype;
  Json config = parse_json(config_json, what);
  const bool was_quantised = config.erase("quantization_config") > 0;
  if (same_dtype && !was_quantised) { return config_json; }
  if (!config.contains("dtype")) { config["torch_dtype"] = dtype; }
  for (const char* key : {"dtype", "torch_dtype"}) {
    if (config.contains(key)) { config[key] = dtype; }
    if (config.contains("text_config") && config["text_config"].contains(key)) {
      config["text_config"][key] = dtype;
    }
  }
  return config.dump(2) + "\n";
}

}  // namespace una::weights
