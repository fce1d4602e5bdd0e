#include <algorithm>
#include <cstdio>
#include <functional>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/files/output_rule.h"
#include "una/base/format.h"
#include "una/base/hash.h"
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
#include "una/run/answer_file.h"
#include "una/run/training_run.h"
#include "una/setup/standard_input.h"
#include "una/views/read_examples.h"

namespace una::recipe {
namespace {

constexpr const char* kNothing = "stopped before the first answer was finished; nothing was written";
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
  GenerateOptions() { data.allow_dropped = 1; }
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
    std::vector<Example> prompts = views::read_prompts(options.data, report);
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
  return std::make_unique<OutputFile>(options.output_dir,
                                      OutputRule{.overwrite = options.overwrite_output_dir, .inputs = inputs},
                                      std::vector<std::string>{options.output_dir + ".partial"});
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

using OnAnswer = std::function<void(const generate::Output& output)>;

// Samples until all answers are finished or a signal comes.
void run_engine(generate::Engine& engine, std::size_t done_before, std::size_t total,
                const OnAnswer& on_answer) {
  report::ProgressBar bar("generate", static_cast<double>(total), "answers");
  bar.advance(static_cast<double>(done_before));
  while (!engine.done() && !interrupted()) {
    for (const generate::Output& output : engine.step()) {
      on_answer(output);
      bar.advance(1, cat(thousands(engine.new_tokens()), " tokens"));
    }
  }
  bar.finish();
}

// Answers to print, in the order of the prompts. Returns the exit code.
int print_answers(generate::Engine& engine, std::size_t wanted) {
  std::vector<generate::Output> outputs;
  run_engine(engine, 0, wanted, [&](const generate::Output& output) { outputs.push_back(output); });
  if (outputs.empty() && wanted > 0) { throw Interrupted(kNothing); }
  std::sort(outputs.begin(), outputs.end(),
            [](const auto& a, const auto& b) { return a.id != b.id ? a.id < b.id : a.sample < b.sample; });
  for (const generate::Output& output : outputs) { show(output.text + "\n"); }
  if (outputs.size() == wanted) { return 0; }
  log_info(cat("stopped; ", thousands(std::ssize(outputs)), " of ",
               thousands(static_cast<std::int64_t>(wanted)), " answers were finished"));
  return 128 + interrupt_signal();
}

// Answers for a file; `file` holds those of an earlier call already. Returns the exit code.
int write_answers(generate::Engine& engine, const std::vector<Example>& examples, std::size_t wanted,
                  const GenerateOptions& options, run::AnswerFile& file) {
  const double begin = monotonic_seconds();
  const bool plain = is_plain(options.sampling);
  run_engine(engine, file.size(), wanted, [&](const generate::Output& output) {
    file.add(generated_row(output, examples[static_cast<std::size_t>(output.id)], plain));
  });
  const double seconds = std::max(1e-9, monotonic_seconds() - begin);
  if (file.size() == 0 && wanted > 0) { throw Interrupted(kNothing); }
  file.write();
  log_info(cat(thousands(static_cast<std::int64_t>(file.size())), " answers in ", options.output_dir, ", ",
               fixed(static_cast<double>(engine.new_tokens()) / seconds, 0), " tokens/s"));
  if (file.size() == wanted) {
    file.remove_partial();
    return 0;
  }
  log_info(cat("stopped; ", thousands(static_cast<std::int64_t>(file.size())), " of ",
               thousands(static_cast<std::int64_t>(wanted)),
               " answers were finished and are kept; the same "
               "command with --overwrite_output_dir goes on from there"));
  return 128 + interrupt_signal();
}

// All keys of sampling, for a hash.
std::string sampling_key(const SamplingParams& sampling) {
  const Json key{sampling.max_new_tokens,
                 sampling.min_new_tokens,
                 sampling.temperature,
                 sampling.top_p,
                 sampling.top_k,
                 sampling.min_p,
                 sampling.seed,
                 sampling.repetition_penalty,
                 sampling.presence_penalty,
                 sampling.stop,
                 sampling.frequency_penalty,
                 sampling.stop_ids};
  return dump_json(key);
}

// Hash of all that decides an answer.
std::string identity_of(const setup::ModelSetup& setup, const std::vector<Example>& examples,
                        const std::vector<Sequence>& prompts, const SamplingParams& sampling) {
  Hasher hasher;
  hasher.add(setup::inference_key(setup)).add(sampling_key(sampling));
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    for (const std::int32_t id : prompts[i].ids) { hasher.add_number(static_cast<std::uint64_t>(id)); }
    hasher.add_number(prompts[i].ids.size()).add(examples[i].where.text());
  }
  return hasher.hex();
}

std::vector<Sequence> tokenise_prompts(const std::vector<Example>& examples, const GenerateOptions& options,
                                       const setup::TextSetup& text, const ModelSpec& spec) {
  std::vector<Sequence> prompts;
  for (const Example& example : examples) {
    prompts.push_back(data::tokenise_prompt(example, options.data, text.encoder));
    const std::size_t tokens = prompts.back().ids.size();
    check_input(static_cast<std::int64_t>(tokens) < spec.position_limit(), example.where.text(),
                ": the prompt has ", tokens, " tokens, which leaves no room for an answer in the model's ",
                spec.position_limit(), " positions; shorten it or leave the row out");
  }
  return prompts;
}

// Adds what is to do to the engine; what `file` (nullptr: none) holds is done.
void add_prompts(generate::Engine& engine, const std::vector<Sequence>& prompts,
                 const GenerateOptions& options, const SamplingParams& sampling,
                 const run::AnswerFile* file) {
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const auto id = static_cast<std::int64_t>(i);
    for (std::int64_t sample = 0; sample < options.num_samples; ++sample) {
      if (file != nullptr && file->has(id, sample)) { continue; }
      engine.add({.id = id,
                  .prompt = prompts[i].ids,
                  .params = sampling,
                  .sample = static_cast<std::uint64_t>(sample)});
    }
  }
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
  const std::vector<Sequence> prompts = tokenise_prompts(examples, options, text, setup.folder.spec);
  const std::size_t wanted = examples.size() * static_cast<std::size_t>(options.num_samples);
  if (options.output_dir.empty()) {
    add_prompts(engine, prompts, options, sampling, nullptr);
    return print_answers(engine, wanted);
  }
  run::AnswerFile file(options.output_dir, identity_of(setup, examples, prompts, sampling));
  add_prompts(engine, prompts, options, sampling, &file);
  try {
    return write_answers(engine, examples, wanted, options, file);
  } catch (const InputError&) {
    file.keep_partial();
    throw;
  }
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
