#include <algorithm>
#include <cstdio>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/files/output_rule.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/base/json_line.h"
#include "una/base/log.h"
#include "una/base/os/interrupt.h"
#include "una/generate/engine.h"
#include "una/kernels/threads.h"
#include "una/recipe/command_line.h"
#include "una/recipe/commands.h"
#include "una/recipe/generate/generate_stream.h"
#include "una/recipe/generate/generated_row.h"
#include "una/report/progress_bar.h"
#include "una/rows/files/input_files.h"
#include "una/run/training_run.h"
#include "una/setup/standard_input.h"
#include "una/views/read_examples.h"

namespace una::recipe {
namespace {

constexpr const char* kUsage =
    "usage: una generate --model DIR [--adapter DIR] (--data FILE --out FILE | --prompt TEXT | --stream)";

// The keys of `una generate`.
struct GenerateOptions {
  std::string model_name_or_path, adapter, output_dir, prompt, system;
  setup::Compute compute;
  SamplingParams sampling;
  std::int64_t num_samples = 1, batch_size = 64, seed = 42, threads = 0;
  bool stream = false, overwrite_output_dir = false;
  std::vector<std::string> stop;
  rows::DataOptions data;
  GenerateOptions() {
    data.allow_dropped = 1;
    data.prompts_only = true;
  }
  template <class V>
  void fields(V&& v) {
    v("model_name_or_path", model_name_or_path, "the model's folder (alias --model)");
    v("adapter", adapter, "a PEFT adapter on it");
    v("output_dir", output_dir, "the JSONL file to write (alias --out); empty: the answers are printed");
    v("overwrite_output_dir", overwrite_output_dir, "replace the output file");
    compute.fields(v);
    v("adapter_scale", compute.adapter_scale, "the adapter's change of the model times this");
    v("prompt", prompt, "one prompt instead of a file");
    v("system", system, "a system turn before --prompt or what is typed; with apply_chat_template");
    v("max_new_tokens", sampling.max_new_tokens, "longest answer in tokens");
    v("min_new_tokens", sampling.min_new_tokens, "no end before this many tokens");
    v("temperature", sampling.temperature, "divides the logits; 0: greedy");
    v("top_p", sampling.top_p, "nucleus sampling");
    v("top_k", sampling.top_k, "only the k most likely tokens; 0: all");
    v("min_p", sampling.min_p, "only tokens with this share of the likeliest one's probability; 0: all");
    v("repetition_penalty", sampling.repetition_penalty,
      "above 1: ids that occur in prompt or answer become less likely; 1: off");
    v("stop", stop, "strings that end an answer");
    v("stream", stream, "print the answer while it is sampled; without a prompt: one to each line typed");
    v("num_samples", num_samples, "answers per prompt");
    v("batch_size", batch_size, "answers computed at one time");
    v("seed", seed, "the same seed gives the same answers");
    v("threads", threads, "compute threads; 0: all");
    data.fields(v);
  }
};

std::vector<Example> read_prompts(const GenerateOptions& options) {
  if (options.prompt.empty()) {
    check_input(!options.data.dataset_name.empty(), "no prompts: give --prompt TEXT or a file with --data");
    rows::ReadReport report;
    std::vector<Example> prompts = views::read_examples(options.data, report, "");
    for (const auto& [reason, count] : report.dropped) {
      log_info(cat("left out   ", thousands(count), " rows: ", reason));
    }
    return prompts;
  }
  return {typed_prompt(options.prompt, {"--prompt", 1}, options.data.apply_chat_template, options.system)};
}

void check_generate_options(const GenerateOptions& options) {
  check_input(options.num_samples > 0 && options.batch_size > 0,
              "num_samples and batch_size must be 1 or more");
  check_input(options.sampling.max_new_tokens > 0, "max_new_tokens must be 1 or more");
  generate::check_sampling(options.sampling);
  check_input(options.system.empty() || options.data.apply_chat_template,
              "--system is a turn of a chat: give --apply_chat_template too");
  check_input(options.system.empty() || options.data.dataset_name.empty(),
              "--system goes with --prompt or --stream; rows have system turns of their own");
  if (!options.stream) { return; }
  check_input(options.output_dir.empty(), "--stream prints the answer; leave it out to write --out");
  check_input(options.num_samples == 1, "--stream shows one answer per prompt: num_samples must be 1");
  check_input(options.data.dataset_name.empty(),
              "--stream answers --prompt, or what is typed; leave it out to answer a file");
}

// Before any sampling: an output that cannot be written is found now. nullptr: the answers are printed.
std::unique_ptr<OutputFile> open_output(const GenerateOptions& options) {
  if (options.output_dir.empty()) { return nullptr; }
  std::vector<std::string> inputs = rows::input_files(options.data);
  inputs.insert(inputs.end(), {options.model_name_or_path, options.adapter});
  return std::make_unique<OutputFile>(
      options.output_dir, OutputRule{.overwrite = options.overwrite_output_dir, .inputs = inputs});
}

SamplingParams sampling_params(const GenerateOptions& options, const ModelSpec& spec, std::int32_t eos_id) {
  SamplingParams sampling = options.sampling;
  sampling.seed = static_cast<std::uint64_t>(options.seed);
  sampling.stop = options.stop;
  sampling.stop_ids = spec.eos_ids;
  if (std::find(sampling.stop_ids.begin(), sampling.stop_ids.end(), eos_id) == sampling.stop_ids.end()) {
    sampling.stop_ids.push_back(eos_id);
  }
  return sampling;
}

std::vector<generate::Output> run_engine(generate::Engine& engine, std::size_t total) {
  report::ProgressBar bar("generate", static_cast<double>(total), "answers");
  std::vector<generate::Output> outputs;
  while (!engine.done() && !interrupted()) {
    for (generate::Output& output : engine.step()) {
      outputs.push_back(std::move(output));
      bar.advance(1, cat(thousands(engine.new_tokens()), " tokens"));
    }
  }
  bar.finish();
  std::sort(outputs.begin(), outputs.end(),
            [](const auto& a, const auto& b) { return a.id != b.id ? a.id < b.id : a.sample < b.sample; });
  return outputs;
}

int stream(const GenerateOptions& options, generate::Engine& engine, const setup::TextSetup& text,
           const SamplingParams& sampling) {
  const StreamParts parts{.engine = &engine,
                          .text = &text,
                          .data = &options.data,
                          .sampling = sampling,
                          .system = options.system};
  return options.prompt.empty() ? stream_console(parts) : stream_prompt(parts, read_prompts(options)[0]);
}

int generate_file(const GenerateOptions& options) {
  check_generate_options(options);
  const std::unique_ptr<OutputFile> target = open_output(options);
  kernels::set_threads(options.threads);
  const std::vector<Example> examples = options.stream ? std::vector<Example>() : read_prompts(options);
  setup::ModelSetup setup =
      setup::load_for_inference(options.model_name_or_path, options.adapter, options.compute);
  check_input(!setup.model->has_reward_head(), options.model_name_or_path,
              ": a reward model cannot generate");
  const setup::TextSetup text = setup::load_text(
      setup::text_folders(options.model_name_or_path, options.adapter), options.data, setup.folder.spec);
  const SamplingParams sampling = sampling_params(options, setup.folder.spec, text.eos_id());
  generate::Engine engine(*setup.model, &text.tokenizer(),
                          {.max_batch = options.batch_size, .adapter = setup.policy});
  if (options.stream) { return stream(options, engine, text, sampling); }
  for (std::size_t i = 0; i < examples.size(); ++i) {
    const Sequence prompt = data::tokenise_prompt(examples[i], options.data, text.encoder);
    for (std::int64_t sample = 0; sample < options.num_samples; ++sample) {
      engine.add({.id = static_cast<std::int64_t>(i),
                  .prompt = prompt.ids,
                  .params = sampling,
                  .sample = static_cast<std::uint64_t>(sample)});
    }
  }
  const double begin = monotonic_seconds();
  const std::size_t wanted = examples.size() * static_cast<std::size_t>(options.num_samples);
  const auto outputs = run_engine(engine, wanted);
  const bool stopped = outputs.size() < wanted;  // by a signal: what is finished is kept
  check_input(!stopped || !outputs.empty(),
              "stopped before the first answer was finished; nothing was written");
  const double seconds = std::max(1e-9, monotonic_seconds() - begin);
  const bool plain = is_plain(sampling);
  std::string lines;
  for (const generate::Output& output : outputs) {
    if (options.output_dir.empty()) { show(output.text + "\n"); }
    const Example& prompt = examples[static_cast<std::size_t>(output.id)];
    lines += json_line(generated_row(output, prompt, plain));
  }
  if (!options.output_dir.empty()) {
    write_file(options.output_dir, lines);
    log_info(cat(thousands(std::ssize(outputs)), " answers in ", options.output_dir, ", ",
                 fixed(static_cast<double>(engine.new_tokens()) / seconds, 0), " tokens/s"));
  }
  if (!stopped) { return 0; }
  log_info(cat("stopped; ", thousands(std::ssize(outputs)), " of ",
               thousands(static_cast<std::int64_t>(wanted)), " answers were finished and are kept"));
  return 128 + interrupt_signal();
}

}  // namespace

HelpPage generate_help(const Arguments&) { return options_page<GenerateOptions>(kUsage); }

int run_generate(const Arguments& arguments) {
  auto options = read_command<GenerateOptions>(arguments);
  const setup::StandardInput input(options.data.dataset_name);
  find_model(options.model_name_or_path, options.adapter);
  return generate_file(options);
}

}  // namespace una::recipe
