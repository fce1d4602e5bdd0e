#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include <unistd.h>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/files.h"
#include "una/base/format.h"
#include "una/base/interrupt.h"
#include "una/base/json.h"
#include "una/base/log.h"
#include "una/base/process.h"
#include "una/demo/feedback.h"
#include "una/demo/statistics.h"
#include "una/demo/task.h"
#include "una/recipe/commands.h"
#include "una/recipe/demo_evaluation.h"
#include "una/recipe/demo_methods.h"
#include "una/recipe/training_run.h"
#include "una/report/html_report.h"
#include "una/weights/hf_config.h"
#include "una/weights/peft_adapter.h"

namespace una::recipe {
namespace {

struct DemoOptions {
  std::string output_dir = "demo-run";
  std::int64_t seed = 42, threads = 0;
  bool overwrite_output_dir = true;
  std::vector<std::string> methods;
  std::string stop_after;
  std::int64_t steps = DemoSizes{}.steps, sft_answers = DemoSizes{}.sft_answers;
  std::int64_t feedback_prompts = DemoSizes{}.feedback_prompts,
               held_out_prompts = DemoSizes{}.held_out_prompts;
  template <class V>
  void fields(V&& v) {
    v("output_dir", output_dir, "run folder (alias --out)");
    v("seed", seed, "of the task, the start model, the samples and the noise");
    v("threads", threads, "compute threads; 0: all");
    v("overwrite_output_dir", overwrite_output_dir, "replace an earlier demo in that folder");
    v("methods", methods, "only these run folders (una_score_mse, kto, ...); empty: all");
    v("stop_after", stop_after,
      "init (task, tokenizer, random model) | start (its fine-tuning) | feedback; empty: all");
    v("steps", steps, "optimiser steps of each method");
    v("sft_answers", sft_answers, "answers the start model learns from");
    v("feedback_prompts", feedback_prompts, "prompts whose samples get feedback");
    v("held_out_prompts", held_out_prompts, "prompts of the evaluation");
  }
};

struct MethodResult {
  DemoMethod method;
  demo::Interval gain, win;
  double gold_before = 0, gold_after = 0, kl = 0, seconds = 0, peak_mb = 0;
  Sampled sampled;
};

class Demo {
 public:
  explicit Demo(const DemoOptions& options) : options_(options), out_(options.output_dir) {}
  int run();

 private:
  std::uint64_t seed() const { return static_cast<std::uint64_t>(options_.seed); }
  void prepare_folder() const;
  void make_start();
  void pretrain();
  void collect_feedback();
  void align();
  void evaluate();
  void print_table() const;
  void write_results() const;
  ChildResult child(const std::string& command, const std::string& yaml, const std::string& folder) const;
  std::string method_yaml(const DemoMethod& method) const;
  std::string data_file(const std::string& name) const { return out_ + "/data/" + name + ".jsonl"; }
  void say(const std::string& line) const {
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  }

  DemoOptions options_;
  DemoSizes sizes_;
  std::string out_;
  double begin_ = monotonic_seconds();
  std::int64_t responses_ = 0;
  std::vector<demo::Prompt> held_out_;
  Sampled before_;
  std::vector<MethodResult> results_;
};

void Demo::prepare_folder() const {
  if (is_empty_folder(out_)) {
    make_folder(out_ + "/data");
    return;
  }
  check_input(
      options_.overwrite_output_dir && (is_file(out_ + "/results.json") || is_file(out_ + "/demo.json")),
      cat(out_, " is not empty and holds no earlier demo: give another folder with --out"));
  for (const auto& entry : std::filesystem::directory_iterator(out_))
    std::filesystem::remove_all(entry.path());
  make_folder(out_ + "/data");
}

// The task's data, a tokenizer trained on it, and a small Llama with random weights, as ordinary files.
void Demo::make_start() {
  const auto train = demo::make_prompts(options_.sft_answers, seed(), demo::Split::kTrain);
  const std::vector<Example> rows = demo::sft_rows(train, seed());
  demo::write_rows(data_file("sft"), rows);
  std::vector<std::string> texts;
  for (const Example& row : rows) {
    texts.push_back(row.prompt.plain);
    texts.push_back(row.responses[0].text.plain);
  }
  const std::string folder = out_ + "/init";
  make_folder(folder);
  write_file(folder + "/tokenizer.json", text::train_bpe(texts, sizes_.vocab, {"<|end|>", "<|begin|>"}));
  write_file(folder + "/tokenizer_config.json", Json{{"tokenizer_class", "PreTrainedTokenizerFast"},
                                                     {"bos_token", "<|begin|>"},
                                                     {"eos_token", "<|end|>"},
                                                     {"model_max_length", 256}}
                                                        .dump(2) +
                                                    "\n");
  ModelSpec spec;
  spec.model_type = "llama";
  spec.architecture = "LlamaForCausalLM";
  spec.hidden_size = sizes_.hidden;
  spec.intermediate_size = sizes_.intermediate;
  spec.num_layers = sizes_.layers;
  spec.num_heads = sizes_.heads;
  spec.num_kv_heads = sizes_.kv_heads;
  spec.head_dim = sizes_.hidden / sizes_.heads;
  spec.vocab_size = text::load_tokenizer(folder).size();
  spec.max_positions = 256;
  spec.norm_eps = 1e-5;
  spec.tie_word_embeddings = true;
  spec.windows.assign(static_cast<std::size_t>(sizes_.layers), 0);
  spec.torch_dtype = "float32";
  spec.eos_ids = {0};
  spec.bos_id = 1;
  write_file(folder + "/config.json", weights::print_model_spec(spec));
  const model::Model model(spec, seed(), {});
  weights::write_model_weights(folder, model.named_tensors(), 5'000'000'000);
  write_file(out_ + "/demo.json", Json{{"seed", options_.seed}, {"una", UNA_VERSION}}.dump(2) + "\n");
}

ChildResult Demo::child(const std::string& command, const std::string& yaml,
                        const std::string& folder) const {
  const std::string config = cat(out_, "/data/", folder, ".yaml");
  write_file(config, yaml);
  const ChildResult result = run_self({command, "--config", config}, {"UNA_QUIET=1"});
  if (result.exit_code >= 128) throw InputError(cat("stopped during ", folder, "; run the demo again"));
  check_input(result.exit_code == 0,
              cat("training ", folder, " ended with exit code ", result.exit_code, " (see above)"));
  return result;
}

void Demo::pretrain() {
  const std::string yaml = cat(
      "model_name_or_path: ", out_, "/init\ndataset_name: ", data_file("sft"), "\noutput_dir: ", out_,
      "/start\nuse_peft: false\nmax_length: 128\nnum_train_epochs: 3\nper_device_train_batch_size: ",
      sizes_.sft_batch, "\nlearning_rate: ", sizes_.sft_learning_rate,
      "\nlr_scheduler_type: cosine\nwarmup_ratio: 0.05\nmax_tokens_per_micro_batch: 4096\nsave_strategy: no\n"
      "logging_steps: 20\nseed: ",
      options_.seed, "\nthreads: ", options_.threads, "\n");
  const ChildResult result = child("sft", yaml, "start");
  say(cat("start model: ", thousands(options_.sft_answers), " answers, supervised fine-tuning in ",
          fixed(result.seconds, 0), " s"));
}

void Demo::collect_feedback() {
  ModelSetup setup = load_for_inference(out_ + "/start", "", "float32");
  const text::Tokenizer tokenizer = text::load_tokenizer(out_ + "/start");
  const auto prompts = demo::make_prompts(options_.feedback_prompts, seed(), demo::Split::kFeedback);
  const Sampled sampled = sample_answers(*setup.model, model::kNoAdapter, tokenizer, prompts,
                                         sizes_.samples_per_prompt, sizes_.max_new_tokens, seed());
  std::vector<std::vector<std::string>> answers(prompts.size());
  for (std::size_t i = 0; i < sampled.texts.size(); ++i) {
    answers[i / static_cast<std::size_t>(sizes_.samples_per_prompt)].push_back(sampled.texts[i]);
  }
  const demo::Judged judged = demo::judge(prompts, answers, seed());
  demo::write_rows(data_file("pair"), demo::pair_rows(judged));
  demo::write_rows(data_file("binary"), demo::binary_rows(judged));
  const std::vector<Example> scores = demo::score_rows(judged);
  demo::write_rows(data_file("score"), scores);
  demo::write_rows(data_file("group"), demo::group_rows(judged));
  demo::write_rows(data_file("mixed"), demo::mixed_rows(judged));
  responses_ = demo::count_responses(scores);
  held_out_ = demo::make_prompts(options_.held_out_prompts, seed(), demo::Split::kHeldOut);
  demo::write_rows(data_file("held_out"), demo::prompt_rows(held_out_, "demo_held_out"));
  before_ = sample_answers(*setup.model, model::kNoAdapter, tokenizer, held_out_, sizes_.samples_per_held_out,
                           sizes_.max_new_tokens, seed() + 1);
  say(cat("feedback: ", thousands(responses_), " sampled answers to ",
          thousands(static_cast<std::int64_t>(judged.prompts.size())),
          " prompts, judged once with noise; pairs, thumbs, scores and groups from the same answers (",
          judged.left_out, " prompts with equal answers left out)"));
}

// Every method sees each response once in `steps` steps: the rows of a step follow from the rows of its file.
std::string Demo::method_yaml(const DemoMethod& method) const {
  const std::string text = read_file(data_file(method.feedback));
  const std::int64_t rows = std::count(text.begin(), text.end(), '\n');
  const std::int64_t batch = std::max<std::int64_t>(1, (rows + options_.steps - 1) / options_.steps);
  return cat("model_name_or_path: ", out_, "/start\ndataset_name: ", data_file(method.feedback),
             "\noutput_dir: ", out_, "/", method.folder,
             "\nmax_length: 160\nper_device_train_batch_size: ", batch, "\nmax_steps: ", options_.steps,
             "\nlearning_rate: ", method.learning_rate, "\nbeta: ", sizes_.beta,
             "\nuna_loss: ", method.una_loss, "\nuna_link: ", method.una_link, "\nuna_f: ", method.una_f,
             "\nlr_scheduler_type: linear\nwarmup_ratio: 0.1\nlora_r: 16\nlora_alpha: 32\n"
             "max_tokens_per_micro_batch: 4096\nsave_strategy: no\nlogging_steps: 5\nreference_cache_dir: "
             "none\nseed: ",
             options_.seed, "\nthreads: ", options_.threads, "\n");
}

void Demo::align() {
  for (const DemoMethod& method : demo_methods()) {
    const bool wanted =
        options_.methods.empty() ||
        std::find(options_.methods.begin(), options_.methods.end(), method.folder) != options_.methods.end();
    if (!wanted) continue;
    const ChildResult result = child(method.method, method_yaml(method), method.folder);
    MethodResult entry{.method = method};
    entry.seconds = result.seconds;
    // The child's own figure: the kernel's ru_maxrss also counts the parent's pages between fork and exec.
    entry.peak_mb =
        read_json_file(cat(out_, "/", method.folder, "/summary.json")).at("peak_memory_mb").get<double>();
    results_.push_back(std::move(entry));
    say(cat("aligned: ", method.name, " in ", fixed(result.seconds, 0), " s"));
  }
  check_input(!results_.empty(), "--methods names no method of the demo");
}

void Demo::evaluate() {
  ModelSetup setup = load_for_inference(out_ + "/start", "", "float32");
  const text::Tokenizer tokenizer = text::load_tokenizer(out_ + "/start");
  const std::vector<double> before = demo::prompt_means(before_.gold, sizes_.samples_per_held_out);
  for (MethodResult& result : results_) {
    const std::string folder = out_ + "/" + result.method.folder;
    const model::AdapterId adapter = setup.model->load_adapter(
        weights::read_adapter_config(folder), weights::read_adapter_weights(folder), false, folder);
    result.sampled = sample_answers(*setup.model, adapter, tokenizer, held_out_, sizes_.samples_per_held_out,
                                    sizes_.max_new_tokens, seed() + 1);
    const std::vector<double> after = demo::prompt_means(result.sampled.gold, sizes_.samples_per_held_out);
    result.gain = demo::paired_gain(before, after, seed());
    result.win = demo::win_rate(before, after, seed());
    result.gold_before = demo::mean_interval(before, seed()).mean;
    result.gold_after = demo::mean_interval(after, seed()).mean;
    result.kl = sampled_kl(*setup.model, adapter, result.sampled);
  }
}

void Demo::print_table() const {
  std::printf(
      "\ngold score on %zu held-out prompts (%d samples each, temperature 1), %lld responses and %lld steps "
      "each, "
      "beta %s, seed %lld\n\n",
      held_out_.size(), sizes_.samples_per_held_out, static_cast<long long>(responses_),
      static_cast<long long>(options_.steps), significant(sizes_.beta, 2).c_str(),
      static_cast<long long>(options_.seed));
  std::printf("%-22s %7s %7s  %-26s %8s %7s %8s %8s\n", "method", "before", "after", "gain  [95 % interval]",
              "win rate", "KL", "seconds", "peak MB");
  for (const MethodResult& r : results_) {
    std::printf("%-22s %7.3f %7.3f  %+.3f  [%+.3f, %+.3f] %s %7.2f %7.2f %8.1f %8.0f\n",
                r.method.name.c_str(), r.gold_before, r.gold_after, r.gain.mean, r.gain.low, r.gain.high,
                r.gain.low > 0 ? "     " : "n. s.", r.win.mean, r.kl, r.seconds, r.peak_mb);
  }
  std::printf(
      "\nwin rate: share of prompts where the aligned model's answers score higher than the start model's, "
      "ties one "
      "half\nKL: mean log pi/pi_start over own samples, nats an answer; n. s.: not significant\n");
  const MethodResult& best =
      *std::max_element(results_.begin(), results_.end(),
                        [](const auto& a, const auto& b) { return a.gold_after < b.gold_after; });
  std::printf("\nanswers before and after (%s):\n", best.method.name.c_str());
  const auto step = static_cast<std::size_t>(sizes_.samples_per_held_out);
  for (std::size_t i = 0; i < std::min<std::size_t>(4, held_out_.size()); ++i) {
    std::printf("  %s\n    before %.2f  %s\n    after  %.2f  %s\n", held_out_[i].text().c_str(),
                before_.gold[i * step], before_.texts[i * step].c_str(), best.sampled.gold[i * step],
                best.sampled.texts[i * step].c_str());
  }
}

void Demo::write_results() const {
  Json methods = Json::array();
  for (const MethodResult& r : results_) {
    methods.push_back(Json{{"name", r.method.name},
                           {"folder", r.method.folder},
                           {"gold_before", r.gold_before},
                           {"gold_after", r.gold_after},
                           {"gain_ci95", {r.gain.low, r.gain.high}},
                           {"win_rate", r.win.mean},
                           {"kl", r.kl},
                           {"seconds", r.seconds},
                           {"peak_mb", r.peak_mb}});
  }
  std::string samples;
  const auto step = static_cast<std::size_t>(sizes_.samples_per_held_out);
  for (std::size_t i = 0; i < std::min<std::size_t>(20, held_out_.size()); ++i) {
    Json row{{"prompt", held_out_[i].text()},
             {"before", before_.texts[i * step]},
             {"gold_before", before_.gold[i * step]}};
    for (const MethodResult& r : results_) {
      row[r.method.name] = r.sampled.texts[i * step];
      row["gold " + r.method.name] = r.sampled.gold[i * step];
    }
    samples += row.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  }
  write_file(out_ + "/samples.jsonl", samples);
  write_file(out_ + "/results.json", Json{{"seed", options_.seed}, {"methods", methods}}.dump(2) + "\n");
  report::write_html_report(out_);
}

int Demo::run() {
  set_threads(options_.threads);
  prepare_folder();
  say(cat("una demo: task, data and models go to ", out_, " (seed ", options_.seed, ")"));
  const std::string& last = options_.stop_after;
  check_input(last.empty() || last == "init" || last == "start" || last == "feedback",
              "stop_after: choose init, start or feedback");
  make_start();
  if (last == "init") return 0;
  pretrain();
  if (last == "start") return 0;
  collect_feedback();
  if (last == "feedback") return 0;
  align();
  evaluate();
  write_results();
  print_table();
  std::printf("\nreport: %s/report.html   results: %s/results.json   %s in all\n", out_.c_str(), out_.c_str(),
              human_seconds(monotonic_seconds() - begin_).c_str());
  return 0;
}

}  // namespace

int run_demo(const std::vector<std::string>& arguments) {
  const std::vector<OptionHelp> known = describe_options(DemoOptions{});
  if (std::find(arguments.begin(), arguments.end(), "--help") != arguments.end()) {
    std::printf("%s", help_text("usage: una demo [--out DIR] [--seed N]", known).c_str());
    return 0;
  }
  const Settings settings = parse_flags(arguments, known, option_aliases(), nullptr);
  check_known(settings, known, {});
  DemoOptions options;
  read_options(settings, options);
  return Demo(options).run();
}

}  // namespace una::recipe
