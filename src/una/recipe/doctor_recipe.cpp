#include <cstdio>
#include <functional>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/os/cpus.h"
#include "una/base/os/heap.h"
#include "una/base/os/nvidia.h"
#include "una/kernels/devices.h"
#include "una/kernels/threads.h"
#include "una/recipe/command_line.h"
#include "una/recipe/commands.h"
#include "una/rows/drops.h"
#include "una/run/training_run.h"
#include "una/setup/standard_input.h"
#include "una/views/read_examples.h"
#include "una/weights/peft_adapter.h"

namespace una::recipe {
namespace {

constexpr const char* kUsage = "usage: una doctor [--model DIR] [--adapter DIR] [--data FILE] [--out DIR]";

// The keys of `una doctor`.
struct DoctorOptions {
  std::string model_name_or_path, adapter, output_dir;
  rows::DataOptions data;
  template <class V>
  void fields(V&& v) {
    v("model_name_or_path", model_name_or_path, "a model folder to check (alias --model)");
    v("adapter", adapter, "an adapter folder to check, on the model or on the base that it names");
    v("output_dir", output_dir, "a folder that a run would write to (alias --out); it is not made");
    data.fields(v);
  }
};

// Prints one line per check and counts what failed.
class Checkup {
 public:
  void run(const char* name, const std::function<std::string()>& check) {
    try {
      std::printf("ok    %-10s %s\n", name, check().c_str());
    } catch (const std::exception& error) {
      std::printf("FAIL  %-10s %s\n", name, error.what());
      ++failed_;
    }
  }
  int failed() const { return failed_; }

 private:
  int failed_ = 0;
};

std::string cpu_text() {
  std::string features;
  if (__builtin_cpu_supports("avx2") != 0) { features += " avx2"; }
  if (__builtin_cpu_supports("avx512f") != 0) { features += " avx512f"; }
  if (__builtin_cpu_supports("avx512bf16") != 0) { features += " avx512_bf16"; }
  return cat(available_cpus(), " processors for this process,",
             features.empty() ? " no vector extensions" : features, "; ",
             human_bytes(static_cast<double>(available_memory_bytes())), " memory available, ",
             has_tcmalloc() ? "tcmalloc" : "the C library's malloc (tcmalloc takes less memory)");
}

// Where the program would compute, and what else the machine has.
std::string device_text() {
  const NvidiaCards cards = nvidia_cards();
  if (cards.driver.empty()) { return "cpu; no NVIDIA driver on this machine"; }
  const std::string found =
      cat("driver ", cards.driver, " and ", cards.models.empty() ? "no card" : join(cards.models, ", "));
  try {
    const kernels::DeviceMemory memory = kernels::device_memory(kernels::open_device("cuda"));
    return cat("cpu, or with --device cuda: ", found, ", ", human_bytes(static_cast<double>(memory.free)),
               " free on the first");
  } catch (const InputError& error) { return cat("cpu; ", found, ", not usable: ", error.what()); }
}

std::string model_text(const std::string& path) {
  const setup::ModelFolder folder = setup::read_model_folder(path);
  const model::Model model(folder.spec, folder.weights, {.dtype = setup::compute_dtype("auto", folder.spec)},
                           path);
  return cat(setup::size_text(folder), ", stored as ", folder.spec.torch_dtype, ", computes in ",
             setup::dtype_name(model.dtype()), ", ", folder.spec.max_positions,
             " positions; every tensor is there");
}

std::string tokenizer_text(const DoctorOptions& options, const ModelSpec& spec) {
  const setup::TextSetup text =
      setup::load_text(setup::text_folders(options.model_name_or_path, options.adapter), options.data, spec);
  return cat(text.tokenizer().size(), " ids (the model has room for ", spec.vocab_size,
             text.tokenizer().size() > spec.vocab_size ? "; rows with one of the others are refused" : "",
             "), BOS ", text.tokenizer().adds_bos() ? "added" : "not added", ", EOS ", text.eos_id(), " '",
             text.tokenizer().token_of(text.eos_id()), "'");
}

std::string template_text(const DoctorOptions& options, const ModelSpec& spec) {
  const setup::TextSetup text =
      setup::load_text(setup::text_folders(options.model_name_or_path, options.adapter), options.data, spec);
  if (text.chat_template() == nullptr) {
    return "none: chat rows need one (--chat_template_path), plain rows do not";
  }
  const text::Rendered rendered =
      text.chat_template()->render({{.role = "user", .content = "Hello"}}, {.add_generation_prompt = true});
  const std::string missing = text.encoder.missing_generation_prompt();
  return cat("renders a user turn in ", rendered.text.size(), " bytes",
             text.chat_template()->marks_generation() ? ", marks assistant turns" : "",
             missing.empty() ? "" : "\n      warning: " + setup::generation_prompt_remark(missing));
}

// The one kind of row that no offline method takes.
std::string prompts_remark(const rows::ReadReport& report) {
  const auto prompts = report.by_unit.find(unit_name(Unit::kPrompt));
  if (prompts == report.by_unit.end()) { return ""; }
  return cat("      note: ", thousands(prompts->second),
             " of the rows are prompts without an answer: generate and the online methods take them, the "
             "other methods do not\n");
}

// By the same limits as training, so that what is ok here is not refused there.
std::string data_text(const DoctorOptions& options, const ModelSpec& spec) {
  const setup::TextSetup text =
      setup::load_text(setup::text_folders(options.model_name_or_path, options.adapter), options.data, spec);
  rows::DataOptions data = options.data;
  data.max_length = run::fitted_max_length(data.max_length, spec);
  const auto dataset = data::load_dataset(data, text.encoder, data::kEveryUnit, "");
  check_input(dataset->size() > 0, "no rows are left to train on");
  return cat(dataset->size(), " rows\n", prompts_remark(dataset->report()),
             dataset->report().text(data.max_length));
}

// Without a model there is no tokenizer: only the shapes are checked.
std::string shapes_text(const DoctorOptions& options) {
  rows::ReadReport report;
  const std::vector<Example> rows = views::read_examples(options.data, report, "");
  rows::check_dropped(report, "", options.data.allow_dropped);
  return cat(rows.size(), " rows; give --model to check their lengths and template too\n",
             prompts_remark(report), report.text(options.data.max_length));
}

// The nearest folder that exists must be writable; nothing is made.
std::string output_text(const std::string& path) {
  check_input(!is_file(path), path, ": is a file, an output folder is needed");
  run::check_output_place(path);
  const bool exists = is_folder(path);
  return cat(human_bytes(static_cast<double>(free_bytes(path))), " free",
             exists ? (is_empty_folder(path) ? ", empty" : ", not empty: a run needs --overwrite_output_dir")
                    : ", the folder can be made");
}

std::string adapter_text(const DoctorOptions& options) {
  const LoraSpec spec = weights::read_adapter_config(options.adapter);
  const auto state = weights::read_adapter_weights(options.adapter);
  std::string fit = "not tried on a model: give --model";
  if (!options.model_name_or_path.empty()) {
    setup::load_for_inference(options.model_name_or_path, options.adapter, {});
    fit = "fits " + options.model_name_or_path;
  }
  return cat(spec.task_type, spec.use_dora ? ", DoRA" : "", ", r ", spec.r, ", alpha ", spec.alpha, ", ",
             state.size(), " tensors, ", fit);
}

void check_model(const DoctorOptions& options, Checkup& checkup) {
  checkup.run("model", [&] { return model_text(options.model_name_or_path); });
  ModelSpec spec;
  checkup.run("tokenizer", [&] {
    spec = setup::read_folder_spec(options.model_name_or_path);
    return tokenizer_text(options, spec);
  });
  checkup.run("template", [&] { return template_text(options, spec); });
  if (!options.data.dataset_name.empty()) {
    checkup.run("data", [&] { return data_text(options, spec); });
  }
}

}  // namespace

HelpPage doctor_help(const Arguments&) { return options_page<DoctorOptions>(kUsage); }

int run_doctor(const Arguments& arguments) {
  auto options = read_command<DoctorOptions>(arguments);
  const setup::StandardInput input(options.data.dataset_name);
  kernels::set_threads(0);
  Checkup checkup;
  checkup.run("machine", cpu_text);
  checkup.run("device", device_text);
  if (!options.output_dir.empty()) {
    checkup.run("output", [&] { return output_text(options.output_dir); });
  }
  if (!options.adapter.empty() && options.model_name_or_path.empty()) {
    checkup.run("base", [&] {
      find_model(options.model_name_or_path, options.adapter);
      return cat(options.model_name_or_path, ", which the adapter names");
    });
  }
  if (!options.model_name_or_path.empty()) {
    check_model(options, checkup);
  } else if (!options.data.dataset_name.empty()) {
    checkup.run("data", [&] { return shapes_text(options); });
  }
  if (!options.adapter.empty()) {
    checkup.run("adapter", [&] { return adapter_text(options); });
  }
  return checkup.failed() == 0 ? 0 : 2;
}

}  // namespace una::recipe
