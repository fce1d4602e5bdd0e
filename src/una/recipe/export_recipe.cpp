#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>

#include <ATen/core/Tensor.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/files/output_rule.h"
#include "una/base/format.h"
#include "una/base/log.h"
#include "una/base/os/stop_point.h"
#include "una/gguf/gguf_adapter.h"
#include "una/gguf/gguf_model.h"
#include "una/gguf/gguf_tokenizer.h"
#include "una/gguf/gguf_writer.h"
#include "una/kernels/threads.h"
#include "una/model/lora_targets.h"
#include "una/recipe/command_line.h"
#include "una/recipe/commands.h"
#include "una/run/training_run.h"
#include "una/setup/model_setup.h"
#include "una/setup/text_setup.h"
#include "una/text/chat_template.h"
#include "una/weights/peft_adapter.h"

namespace una::recipe {
namespace {

constexpr const char* kUsage =
    "usage: una export --model DIR [--adapter DIR] --output_file FILE.gguf\n"
    "writes a model for llama.cpp; docs/export.md";

// The keys of `una export`.
struct ExportOptions {
  std::string model_name_or_path, adapter, output_file, dtype = "auto";
  bool adapter_only = false, overwrite = false;
  template <class V>
  void fields(V&& v) {
    v("model_name_or_path", model_name_or_path, "the base model's folder (alias --model)");
    v("adapter", adapter, "an adapter's folder; it is merged in fp32 first");
    v("adapter_only", adapter_only,
      "write the adapter alone, which llama.cpp adds to the exported base (--lora)");
    v("output_file", output_file, "the GGUF file to write (alias --out)");
    v("dtype", dtype, "of the matrices: auto (as the base) | float32 | float16 | bfloat16 | q8_0");
    v("overwrite", overwrite, "replace the file when it is there");
  }
};

std::map<std::string, std::string> export_aliases() {
  std::map<std::string, std::string> aliases = setup::option_aliases();
  aliases["out"] = "output_file";
  return aliases;
}

gguf::GgmlType stored_type(const std::string& name, const ModelSpec& spec) {
  const std::string word = name != "auto" ? name : spec.torch_dtype.empty() ? "float32" : spec.torch_dtype;
  if (word == "float32") { return gguf::GgmlType::kF32; }
  if (word == "float16") { return gguf::GgmlType::kF16; }
  if (word == "bfloat16") { return gguf::GgmlType::kBF16; }
  check_input(word == "q8_0", "dtype: '", word,
              "' is unknown, choose auto, float32, float16, bfloat16 or q8_0");
  return gguf::GgmlType::kQ8_0;
}

OutputFile open_output(const ExportOptions& options) {
  check_input(!options.output_file.empty(), "no output file: name one with --output_file");
  return {options.output_file,
          {.overwrite = options.overwrite,
           .flag = "--overwrite",
           .inputs = {options.model_name_or_path, options.adapter}}};
}

std::string text_of(const std::string& path) { return is_file(path) ? read_file(path) : ""; }

gguf::GgufTokenizer read_gguf_tokenizer(const ExportOptions& options, const ModelSpec& spec) {
  const setup::TextFolders folders = setup::text_folders(options.model_name_or_path, options.adapter);
  const std::string& folder = folders.tokenizer;
  const setup::TextSetup text = setup::load_text(folders, {}, spec);
  gguf::GgufTokenizerSource source;
  source.what = folder;
  source.tokenizer_json = read_file(folder + "/tokenizer.json");
  source.config_json = text_of(folder + "/tokenizer_config.json");
  for (std::int64_t id = 0; id < text.tokenizer().size(); ++id) {
    source.tokens.push_back(text.tokenizer().token_of(static_cast<std::int32_t>(id)));
  }
  source.rows = spec.vocab_size;
  source.bos_id = text.tokenizer().bos_id().value_or(-1);  // config.json's may be a default of the family
  source.eos_id = text.eos_id();
  source.pad_id = text.tokenizer().pad_id().value_or(spec.pad_id);
  if (!text.encoder.model().other_end_ids.empty()) {
    source.other_end_id = text.encoder.model().other_end_ids.front();
  }
  source.adds_bos = text.tokenizer().adds_bos();
  source.adds_eos = text.tokenizer().adds_eos();
  source.chat_template = text::chat_template_source(folders.chat_template);
  return gguf::gguf_tokenizer(source);
}

void report_f16(const gguf::GgufModel& model) {
  if (!model.as_f16.empty()) {
    log_info(cat("stored as F16, since their rows are not whole blocks of ", gguf::kQ8Block,
                 " numbers: ", join(model.as_f16, ", ")));
  }
}

void report(const ExportOptions& options, gguf::GgmlType type, const gguf::GgufModel& model,
            const gguf::GgufTokenizer& tokenizer) {
  report_f16(model);
  const auto bytes =
      is_file(options.output_file) ? static_cast<double>(std::filesystem::file_size(options.output_file)) : 0;
  const std::string words =
      tokenizer.pre.empty() ? "pieces with byte fallback" : cat("byte-level BPE, ", tokenizer.pre);
  log_info(cat("exported to ", options.output_file, " (", gguf::ggml_name(type), ", ", human_bytes(bytes),
               "): ", model.tensors.size(), " tensors; tokenizer: ", words));
}

std::string folder_name(const std::string& folder) {
  return std::filesystem::path(absolute_path(folder + "/.")).parent_path().filename();
}

void check_lora(const LoraSpec& lora, const std::string& what) {
  const char* advice = "; export the merged model instead (without --adapter_only)";
  check_input(!lora.use_dora, what,
              ": llama.cpp's adapters are products of two matrices, and DoRA's magnitudes are not", advice);
  check_input(lora.modules_to_save.empty(), what,
              ": llama.cpp's adapters hold no whole modules, and this one holds ",
              join(lora.modules_to_save, ", "), advice);
  check_input(lora.target_parameters.empty(), what,
              ": una writes no adapters of experts for llama.cpp, and this one has some (target_parameters)",
              advice);
  check_input(lora.bias == "none", what,
              ": llama.cpp's adapters hold no biases, and this one trained some (bias: ", lora.bias, ")",
              advice);
}

// What the adapter adds to each linear, from its tensors "MODULE.lora_A.weight" and "MODULE.lora_B.weight".
std::vector<gguf::GgufLora> lora_linears(const setup::ModelSetup& setup) {
  constexpr std::string_view kA = ".lora_A.weight", kB = ".lora_B.weight";
  std::map<std::string, gguf::GgufLora> found;
  for (const auto& [name, tensor] : setup.model->adapter_tensors(setup.policy)) {
    check(ends_with(name, kA) || ends_with(name, kB), "export: an adapter's tensor that is not a product");
    std::string module = name.substr(0, name.size() - kA.size());
    constexpr std::string_view kPrefix = "base_model.model.";
    if (starts_with(module, kPrefix)) { module.erase(0, kPrefix.size()); }
    (ends_with(name, kA) ? found[module].a : found[module].b) = tensor;
  }
  std::vector<gguf::GgufLora> out;
  std::vector<model::LinearInfo> linears;
  for (auto& [module, linear] : found) {
    linear.module = module;
    linears.push_back({.module = module, .in = linear.a.size(1), .out = linear.b.size(0)});
    out.push_back(linear);
  }
  LoraSpec spec = setup.model->adapter_spec(setup.policy);
  spec.layers_to_transform.clear();  // they chose the linears, which are all here
  spec.layers_pattern.clear();
  for (const model::LoraTarget& target : model::lora_targets(spec, linears, {})) {
    out[target.linear].scale = target.scale;
  }
  return out;
}

void export_adapter(const ExportOptions& options) {
  const std::string& folder = options.model_name_or_path;
  check_input(!options.adapter.empty(), "adapter_only: name the adapter with --adapter");
  const ModelSpec spec = setup::read_folder_spec(folder);
  gguf::check_gguf_spec(spec, folder);
  check_lora(weights::read_adapter_config(options.adapter), options.adapter);
  const gguf::GgmlType type = stored_type(options.dtype == "auto" ? "float32" : options.dtype, spec);
  const setup::ModelSetup setup = setup::load_for_inference(folder, options.adapter, {});
  const gguf::GgufModel out =
      gguf::gguf_adapter(spec, lora_linears(setup), setup.model->adapter_spec(setup.policy).alpha, type,
                         folder_name(options.adapter));
  gguf::write_gguf(options.output_file, out.metadata, out.tensors);
  report_f16(out);
  log_info(cat("exported to ", options.output_file, ": ", out.tensors.size() / 2, " adapted matrices (",
               gguf::ggml_name(type),
               "), to be added to the exported base: llama-server -m BASE.gguf --lora ",
               options.output_file));
}

void export_gguf(const ExportOptions& options) {
  const std::string& folder = options.model_name_or_path;
  const ModelSpec spec = setup::read_folder_spec(folder);
  const gguf::GgmlType type = stored_type(options.dtype, spec);
  gguf::check_gguf_spec(spec, folder);
  const gguf::GgufTokenizer tokenizer = read_gguf_tokenizer(options, spec);
  for (const std::string& warning : tokenizer.warnings) { log_warning(warning); }
  for (const std::string& warning : gguf::gguf_losses(spec)) { log_warning(cat(folder, ": ", warning)); }
  const setup::ModelSetup setup = setup::load_for_inference(folder, options.adapter, {.dtype = "float32"});
  check_input(!setup.model->has_reward_head(), options.adapter,
              ": a reward model's adapter; GGUF export takes models that write text");
  const std::string name = folder_name(folder);
  gguf::GgufModel model =
      gguf::gguf_model(spec, setup.model->merged_tensors(setup.policy, at::kFloat), type, name);
  model.metadata.insert(model.metadata.end(), tokenizer.metadata.begin(), tokenizer.metadata.end());
  gguf::write_gguf(options.output_file, model.metadata, model.tensors);
  report(options, type, model, tokenizer);
}

}  // namespace

HelpPage export_help(const Arguments&) { return options_page<ExportOptions>(kUsage); }

int run_export(const Arguments& arguments) {
  auto options = read_command<ExportOptions>(arguments, export_aliases());
  find_model(options.model_name_or_path, options.adapter);
  const OutputFile output = open_output(options);
  const StopScope stop;
  kernels::set_threads(0);
  options.adapter_only ? export_adapter(options) : export_gguf(options);
  return 0;
}

}  // namespace una::recipe
