#include "una/study/demo_run.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/base/os/process.h"
#include "una/demo/feedback.h"
#include "una/setup/model_setup.h"
#include "una/text/tokenizer.h"
#include "una/weights/hf_config.h"

namespace una::study {
namespace {

// The task of the demo in a folder; the first of the table where the folder does not name one.
std::string task_of(const std::string& folder) {
  const std::string path = folder + "/demo.json", first = demo::tasks().front().name;
  return is_file(path) ? read_json_file(path).value("task", first) : first;
}

}  // namespace

void DemoRun::prepare_folder() {
  OutputFolderRule rule;
  rule.overwrite = options_.overwrite_output_dir;
  if (!options_.start_from.empty()) { rule.inputs = {options_.start_from}; }
  rule.marks = {"results.json", "demo.json"};
  rule.work = "demo";
  output_ = std::make_unique<OutputFolder>(out_, rule);
  output_->begin();
  make_folder(out_ + "/data");
}

// The task's data, a tokenizer trained on it, and a small Llama with random weights, as ordinary files.
void DemoRun::make_start() const {
  const auto train = task().make_prompts(options_.sft_answers, seed(), demo::Split::kTrain);
  const std::vector<Example> rows = demo::sft_rows(task(), train, seed());
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
  write_file(out_ + "/demo.json",
             Json{{"seed", options_.seed}, {"task", task().name}, {"una", UNA_VERSION}}.dump(2) + "\n");
}

setup::RunConfig DemoRun::base_config(const std::string& method, const std::string& folder) const {
  setup::RunConfig config = setup::default_config(method);
  config.model.model_name_or_path = out_ + "/start";
  config.model.lora_r = 16;
  config.model.lora_alpha = 32;
  config.data.max_length = 160;
  config.train.lr_scheduler_type = "linear";
  config.train.warmup_ratio = 0.1;
  config.train.max_tokens_per_micro_batch = 4096;
  config.train.save_strategy = "no";
  config.train.logging_steps = 5;
  config.train.seed = options_.seed;
  config.run.output_dir = cat(out_, "/", folder);
  config.run.threads = options_.threads;
  return config;
}

ChildResult DemoRun::child(const setup::RunConfig& config) const {
  const std::string folder = config.run.output_dir.substr(out_.size() + 1);
  const std::string path = cat(out_, "/data/", folder, ".yaml");
  write_file(path, print_options(config));
  const ChildResult result = run_self({config.method, "--config", path}, {"UNA_QUIET=1"});
  check_child(result, "training " + folder, "; run the demo again to go on");
  return result;
}

void DemoRun::pretrain() const {
  setup::RunConfig config = base_config("sft", "start");
  config.model.model_name_or_path = out_ + "/init";
  config.model.use_peft = false;
  config.data.dataset_name = {data_file("sft")};
  config.data.max_length = 128;
  config.train.num_train_epochs = 3;
  config.train.per_device_train_batch_size = sizes_.sft_batch;
  config.train.learning_rate = sizes_.sft_learning_rate;
  config.train.lr_scheduler_type = "cosine";
  config.train.warmup_ratio = 0.05;
  config.train.logging_steps = 20;
  const ChildResult result = child(config);
  say(cat("start model: ", thousands(options_.sft_answers), " answers, supervised fine-tuning in ",
          fixed(result.seconds, 0), " s"));
}

DemoSample DemoRun::held_out_size() const {
  return {.per_prompt = sizes_.samples_per_held_out, .seed = seed() + 1};
}

void DemoRun::copy_start() const {
  check_input(task_of(options_.start_from) == task().name, "start_from: the demo in ", options_.start_from,
              " is of the task ", task_of(options_.start_from), ", not ", task().name);
  for (const char* name : {"/init", "/start"}) {
    check_input(is_folder(options_.start_from + name), "start_from: ", options_.start_from, " holds no ",
                name + 1, " folder of a demo");
    std::filesystem::copy(options_.start_from + name, out_ + name, std::filesystem::copy_options::recursive);
  }
}

void DemoRun::collect_feedback() {
  setup::ModelSetup setup = setup::load_for_inference(out_ + "/start", "", {.dtype = "float32"});
  const text::Tokenizer tokenizer = text::load_tokenizer(out_ + "/start");
  const auto prompts = task().make_prompts(options_.feedback_prompts, seed(), demo::Split::kFeedback);
  const eval::PolicyUse start{setup.model.get()};
  const eval::Sampled sampled = sample_demo(start, tokenizer, task(), prompts,
                                            {.per_prompt = sizes_.samples_per_prompt, .seed = seed()})
                                    .answers;
  std::vector<std::vector<std::string>> answers(prompts.size());
  for (std::size_t i = 0; i < sampled.texts.size(); ++i) {
    answers[i / static_cast<std::size_t>(sizes_.samples_per_prompt)].push_back(sampled.texts[i]);
  }
  const demo::Judged feedback = demo::judge(task(), prompts, answers, seed());
  demo::write_rows(data_file("pair"), demo::pair_rows(feedback));
  demo::write_rows(data_file("binary"), demo::binary_rows(feedback));
  const std::vector<Example> scores = demo::score_rows(feedback);
  demo::write_rows(data_file("score"), scores);
  demo::write_rows(data_file("group"), demo::group_rows(feedback));
  demo::write_rows(data_file("mixed"), demo::mixed_rows(feedback));
  responses_ = demo::count_responses(scores);
  held_out_ = task().make_prompts(options_.held_out_prompts, seed(), demo::Split::kHeldOut);
  demo::write_rows(data_file("held_out"), demo::prompt_rows(held_out_, "demo_held_out"));
  before_ = sample_demo(start, tokenizer, task(), held_out_, held_out_size());
  DemoSample judged = held_out_size();
  judged.per_prompt = sizes_.judged_per_prompt;
  judged.seed = seed() + 2;
  judged_ = sample_demo(start, tokenizer, task(), held_out_, judged);
  judged_logps_ = eval::sampled_logps(start, judged_.answers);
  say(cat("feedback: ", thousands(responses_), " sampled answers to ",
          thousands(static_cast<std::int64_t>(feedback.prompts.size())),
          " prompts, judged once with noise; pairs, thumbs, scores and groups from the same answers (",
          feedback.left_out, " prompts with equal answers left out)"));
}

bool DemoRun::prepare() {
  const std::string& last = options_.stop_after;
  check_input(last.empty() || last == "init" || last == "start" || last == "feedback",
              "stop_after: choose init, start or feedback");
  const std::string other = options_.task == demo::tasks().front().name ? "" : " " + task().name;
  prepare_folder();
  say(cat("una demo: task", other, ", data and models go to ", out_, " (seed ", options_.seed, ")"));
  if (!options_.start_from.empty()) {
    copy_start();
  } else {
    make_start();
    if (last != "init") { pretrain(); }
  }
  if (last != "init" && last != "start") { collect_feedback(); }
  if (last.empty()) { return true; }
  output_->keep();
  return false;
}

void DemoRun::say(const std::string& line) const {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

bool DemoRun::wanted(const std::string& folder) const {
  const auto& names = options_.methods;
  return names.empty() || std::find(names.begin(), names.end(), folder) != names.end();
}

MethodResult DemoRun::train(const setup::RunConfig& config, const std::string& name,
                            const std::string& folder) const {
  MethodResult entry{.name = name, .folder = folder};
  entry.seconds = child(config).seconds;
  // The child's own figure: the kernel's ru_maxrss also counts the parent's pages between fork and exec.
  entry.peak_mb = read_json_file(cat(out_, "/", folder, "/summary.json")).at("peak_memory_mb").get<double>();
  say(cat("aligned: ", name, " in ", fixed(entry.seconds, 0), " s"));
  return entry;
}

}  // namespace una::study
