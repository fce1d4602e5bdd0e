#include "una/weights/composite.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/weights/safetensors_header.h"

namespace una::weights {
namespace {

constexpr Composite kComposites[] = {
    {"gemma3", "Gemma3ForConditionalGeneration", "gemma3_text", true},
    {"gemma4", "Gemma4ForConditionalGeneration", "gemma4_text", true},
    {"qwen3_5", "Qwen3_5ForConditionalGeneration", "qwen3_5_text", true},
    {"mistral3", "Mistral3ForConditionalGeneration", "mistral", true},
    {"llava", "LlavaForConditionalGeneration", "llama", true},
};

// What transformers' classes assume for the sizes that a text_config lacks; hub files leave out what equals it.
struct Sizes {
  const char* model_type;
  std::int64_t vocab, hidden, intermediate, layers, heads;
};
constexpr Sizes kSizes[] = {
    {"gemma3_text", 262208, 2304, 9216, 26, 8},    {"gemma4_text", 262144, 2304, 9216, 30, 8},
    {"qwen3_5_text", 248320, 4096, 12288, 32, 16}, {"mistral", 32000, 4096, 14336, 32, 32},
    {"ministral3", 131072, 4096, 14336, 34, 32},   {"llama", 32000, 4096, 11008, 32, 32},
};

constexpr const char* kOuterKeys[] = {"dtype",        "torch_dtype",  "bos_token_id",
                                      "eos_token_id", "pad_token_id", "quantization_config"};

constexpr const char* kModel = "model.";
constexpr const char* kInner = "model.language_model.";  // transformers 5
constexpr const char* kOuter = "language_model.model.";  // most files
constexpr const char *kHead = "lm_head.", *kOuterHead = "language_model.lm_head.";

std::string with_prefix(const std::string& name, const char* from, const std::string& to) {
  return to + name.substr(std::string_view(from).size());
}

// The prefix of the decoder's parameters.
const char* parameter_prefix(const Composite& composite) {
  return composite.names_language_model ? kInner : kModel;
}

// The parameter of a stored tensor; "": not of the decoder.
std::string parameter_name(const Composite& composite, const std::string& stored) {
  const char* prefix = parameter_prefix(composite);
  if (starts_with(stored, kInner)) { return with_prefix(stored, kInner, prefix); }
  if (starts_with(stored, kOuter)) { return with_prefix(stored, kOuter, prefix); }
  if (starts_with(stored, kOuterHead)) { return with_prefix(stored, kOuterHead, kHead); }
  return starts_with(stored, kHead) ? stored : "";
}

// Whether the files have the names of transformers 4.
bool has_outer_names(const StateDict& base) {
  const auto first = base.all().lower_bound(kOuter);
  return first != base.all().end() && starts_with(first->first, kOuter);
}

std::string stored_name(const Composite& composite, const std::string& parameter, bool outer) {
  const char* prefix = parameter_prefix(composite);
  if (starts_with(parameter, prefix)) { return with_prefix(parameter, prefix, outer ? kOuter : kInner); }
  return starts_with(parameter, kHead) && outer ? with_prefix(parameter, kHead, kOuterHead) : parameter;
}

void set_missing(Json& text, const char* key, const Json& value) {
  if (!text.contains(key)) { text[key] = value; }
}

void add_sizes(Json& text) {
  const std::string model_type = text["model_type"].get<std::string>();
  for (const Sizes& sizes : kSizes) {
    if (model_type != sizes.model_type) { continue; }
    set_missing(text, "vocab_size", sizes.vocab);
    set_missing(text, "hidden_size", sizes.hidden);
    set_missing(text, "intermediate_size", sizes.intermediate);
    set_missing(text, "num_hidden_layers", sizes.layers);
    set_missing(text, "num_attention_heads", sizes.heads);
  }
}

// "q_proj" for a regular expression.
std::string escaped(const std::string& name) {
  std::string out;
  for (const char c : name) { out += c == '.' ? "\\." : std::string(1, c); }
  return out;
}

}  // namespace

const Composite* find_composite(const std::string& model_type) {
  const auto* const found =
      std::find_if(std::begin(kComposites), std::end(kComposites),
                   [&](const Composite& each) { return model_type == each.model_type; });
  return found == std::end(kComposites) ? nullptr : found;
}

std::vector<std::string> composite_types() {
  std::vector<std::string> types;
  for (const Composite& each : kComposites) { types.emplace_back(each.model_type); }
  return types;
}

const Composite* composite_of(const ModelSpec& spec) {
  const auto* const found =
      std::find_if(std::begin(kComposites), std::end(kComposites),
                   [&](const Composite& each) { return spec.architecture == each.class_name; });
  return found == std::end(kComposites) ? nullptr : found;
}

Json text_config(const Composite& composite, const Json& config, const std::string& what) {
  const auto found = config.find("text_config");
  check_input(found != config.end() && found->is_object(), what, ": a ", composite.model_type,
              " model needs \"text_config\", the settings of its text decoder");
  Json text = *found;
  if (!text.contains("model_type")) { text["model_type"] = composite.text_type; }
  check_input(text["model_type"].is_string(), what, ": \"model_type\" of \"text_config\" must be a string");
  for (const char* key : kOuterKeys) {
    if (config.contains(key)) { set_missing(text, key, config[key]); }
  }
  // transformers ties the whole model by the outer key.
  if (config.contains("tie_word_embeddings")) { text["tie_word_embeddings"] = config["tie_word_embeddings"]; }
  add_sizes(text);
  return text;
}

Family composite_family(const Composite& composite, const Family& family) {
  Family out = family;
  out.has_classifier = false;
  if (!composite.names_language_model) { return out; }
  PartNames& names = out.names;
  for (std::string* name : {&names.embedding, &names.final_norm, &names.layers, &names.input_embedding,
                            &names.input_projection, &names.input_projection_norm}) {
    *name = with_prefix(*name, kModel, kInner);
  }
  return out;
}

StateDict text_tensors(const ModelSpec& spec, const StateDict& weights) {
  const Composite* composite = composite_of(spec);
  if (composite == nullptr) { return weights; }
  StateDict out = weights.renamed([&](const std::string& name) { return parameter_name(*composite, name); });
  out.add_files_of(weights);
  return out;
}

StateDict adapter_tensors(const ModelSpec& spec, const StateDict& weights) {
  const Composite* composite = composite_of(spec);
  if (composite == nullptr || !composite->names_language_model) { return weights; }
  return weights.renamed([](const std::string& name) {
    const bool of_text = starts_with(name, "model.layers.") || starts_with(name, "model.embed_tokens") ||
                         starts_with(name, "model.norm.");
    if (of_text) { return with_prefix(name, kModel, kInner); }
    if (starts_with(name, kOuter)) { return with_prefix(name, kOuter, kInner); }
    return starts_with(name, kOuterHead) ? with_prefix(name, kOuterHead, kHead) : name;
  });
}

NamedTensors with_other_tensors(const ModelSpec& spec, const StateDict& base, NamedTensors tensors) {
  const Composite* composite = composite_of(spec);
  if (composite == nullptr) { return tensors; }
  const bool outer = has_outer_names(base);
  for (auto& [name, tensor] : tensors) { name = stored_name(*composite, name, outer); }
  for (const auto& [name, tensor] : base.all()) {
    if (!parameter_name(*composite, name).empty()) { continue; }
    check_input(tensor.element_size() > 1 || tensor.scalar_type() == at::kBool, "the tensor ",
                detail::quoted(name), " is quantised, and cannot be written into a model that is not; take ",
                "the model in bfloat16");
    tensors.emplace_back(name, tensor);
  }
  return tensors;
}

LoraSpec decoder_targets(const ModelSpec& spec, LoraSpec lora) {
  const Composite* composite = composite_of(spec);
  const auto is_whole = [](const std::string& name) { return starts_with(name, kInner); };
  std::vector<std::string>& targets = lora.target_modules;
  if (composite == nullptr || !composite->names_language_model || lora.targets_are_regex ||
      std::all_of(targets.begin(), targets.end(), is_whole)) {
    return lora;
  }
  std::vector<std::string> layers, names;
  for (const std::int64_t layer : lora.layers_to_transform) { layers.push_back(std::to_string(layer)); }
  for (const std::string& name : targets) {
    names.push_back(escaped(is_whole(name) ? with_prefix(name, kInner, "") : name));
  }
  const std::string layer = layers.empty() ? "" : cat("layers\\.(", join(layers, "|"), ")\\.");
  targets = {cat("model\\.language_model\\.", layer, "(.*\\.)?(", join(names, "|"), ")")};
  lora.targets_are_regex = true;
  lora.layers_to_transform.clear();
  lora.layers_pattern.clear();
  return lora;
}

}  // namespace una::weights
