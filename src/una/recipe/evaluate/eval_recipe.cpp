#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <utility>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/files/output_folder.h"
#include "una/base/format.h"
#include "una/base/hash.h"
#include "una/base/log.h"
#include "una/base/os/interrupt.h"
#include "una/eval/tasks/scores.h"
#include "una/eval/tasks/task_run.h"
#include "una/recipe/command_line.h"
#include "una/recipe/commands.h"
#include "una/recipe/evaluate/eval_report.h"
#include "una/recipe/evaluate/preference_eval.h"
#include "una/report/progress_bar.h"
#include "una/run/run_ranks.h"
#include "una/setup/model_setup.h"
#include "una/setup/rank_options.h"
#include "una/setup/text_setup.h"
#include "una/weights/peft_adapter.h"

namespace una::recipe {
namespace {

namespace fs = std::filesystem;

constexpr const char* kUsage =
    "usage: una eval --tasks bbh,ifeval --data DIR --model DIR [--adapter DIR ...] --out DIR\n"
    "       una eval --tasks rewardbench --data DIR --reward model:FOLDER implicit:POLICY --out DIR\n"
    "       una eval --make_sample DIR          writes a few rows of our own for every task\n"
    "the tasks of the Open LLM Leaderboard from local files, asked and scored as lm-evaluation-harness does; docs/eval.md\n"
    "has the files and the rules. The same command goes on where a stopped one was.";

// The keys of `una eval`.
struct EvalOptions {
  std::string model_name_or_path, output_dir, dataset_dir, make_sample;
  std::vector<std::string> tasks, adapter, reward;
  setup::Compute compute;
  std::int64_t limit = 0, max_gen_toks = 0, max_length = 0, batch_tokens = 8192, batch_size = 64, threads = 0;
  std::string nltk_data;
  bool apply_chat_template = false;
  setup::RankOptions ranks;
  setup::RewardKeys keys;
  template <class V>
  void fields(V&& v) {
    v("tasks", tasks,
      "ifeval | bbh | math_hard | gpqa | musr | mmlu_pro | rewardbench | rewardbench2 | pairs; several with commas; "
      "empty: the first six");
    v("dataset_dir", dataset_dir, "the folder with the tasks' files (alias --data)");
    v("model_name_or_path", model_name_or_path, "the model's folder (alias --model)");
    v("adapter", adapter, "PEFT adapters on it, compared with the model and with each other's rows");
    v("output_dir", output_dir, "the folder for results (alias --out)");
    v("limit", limit, "use only the first rows of each file; 0: all");
    v("max_gen_toks", max_gen_toks,
      "longest written answer in tokens; 0: the task's (ifeval 1280, math_hard 1024)");
    v("max_length", max_length,
      "tokens of context and answer, longer contexts lose their beginning; 0: the model's");
    v("batch_tokens", batch_tokens, "tokens computed together for multiple choice");
    v("batch_size", batch_size, "answers written at one time");
    v("nltk_data", nltk_data,
      "folder of NLTK's data with punkt_tab, for ifeval; empty: where NLTK would look");
    v("reward", reward,
      "for rewardbench, rewardbench2 and pairs: what is to tell the better answers, as model:FOLDER, implicit:POLICY, "
      "implicit_mean:POLICY, logp:MODEL, judge:FILE (docs/rewards.md); each is evaluated by itself");
    v("apply_chat_template", apply_chat_template, "for these: string prompts are user turns");
    keys.fields(v);
    compute.fields(v);
    v("threads", threads, "compute threads; 0: all");
    ranks.fields(v);
    v("make_sample", make_sample, "write sample rows of every task into this folder, and nothing else");
  }
};

// `--data` names rows elsewhere and a folder here.
const std::map<std::string, std::string>& aliases() {
  static const std::map<std::string, std::string> kAliases = {{"data", "dataset_dir"},
                                                              {"model", "model_name_or_path"},
                                                              {"out", "output_dir"},
                                                              {"nproc_per_node", "nproc"}};
  return kAliases;
}

void check_eval_options(const EvalOptions& options) {
  check_input(!options.dataset_dir.empty(),
              "no data: name the folder with the tasks' files with --data "
              "(una eval --make_sample DIR writes one)");
  check_input(is_folder(options.dataset_dir), options.dataset_dir,
              " is not a folder; --data names the folder with the tasks' files");
  check_input(!options.output_dir.empty(), "no output: name a folder for results with --out");
  check_input(!is_file(options.output_dir), options.output_dir, " is a file; --out names a folder");
  check_input(options.limit >= 0 && options.max_gen_toks >= 0 && options.max_length >= 0,
              "limit, max_gen_toks and max_length must not be negative");
  check_input(options.batch_tokens > 0 && options.batch_size > 0,
              "batch_tokens and batch_size must be 1 or more");
}

int make_sample(const std::string& folder) {
  check_input(is_empty_folder(folder), folder, " is not empty; --make_sample names a new folder");
  make_folder(folder);
  for (const eval::Task& task : eval::tasks()) { task.write_sample(folder); }
  write_preference_sample(folder);
  log_info(cat("written    rows of our own for ", eval::tasks().size() + preference_tasks().size(),
               " tasks in ", folder));
  return 0;
}

// A task as it is evaluated.
struct LoadedTask {
  const eval::Task* task = nullptr;
  std::vector<eval::Subtask> subtasks;
  std::unique_ptr<eval::TextScorer> scorer;

  std::int64_t rows() const {
    std::int64_t count = 0;
    for (const eval::Subtask& subtask : subtasks) { count += std::ssize(subtask.items); }
    return count;
  }
};

std::vector<LoadedTask> load_tasks(const EvalOptions& options, const std::vector<std::string>& names) {
  const eval::TaskFiles files(options.dataset_dir, options.limit);
  std::vector<LoadedTask> loaded;
  for (const std::string& name : names) {
    const eval::Task& task = eval::find_task(name);
    check_input(
        std::none_of(loaded.begin(), loaded.end(), [&](const auto& other) { return other.task == &task; }),
        "tasks: ", name, " is named twice");
    LoadedTask one{&task, task.load(files), nullptr};
    if (task.make_scorer != nullptr) {
      one.scorer = task.make_scorer(one.subtasks, {.nltk_data = options.nltk_data});
      if (const std::string remark = one.scorer->remark(); !remark.empty()) { log_warning(remark); }
    }
    log_info(cat("task       ", name, ": ", thousands(one.rows()), " rows in ", one.subtasks.size(),
                 one.subtasks.size() == 1 ? " file" : " files"));
    loaded.push_back(std::move(one));
  }
  return loaded;
}

// The model alone, then with each adapter. A name is a folder of --out, so it is unlike the others.
struct Policy {
  std::string name, hash;
  model::AdapterId adapter = model::kNoAdapter;
};

std::vector<Policy> load_policies(const EvalOptions& options, setup::ModelSetup& setup) {
  std::vector<Policy> policies = {{"model", setup.folder.content_hash, model::kNoAdapter}};
  for (const std::string& folder : options.adapter) {
    const LoraSpec spec = weights::read_adapter_config(folder);
    const weights::StateDict state = weights::read_adapter_weights(folder);
    Policy policy{fs::path(absolute_path(folder)).filename().string(), setup::adapter_hash(spec, state), {}};
    policy.adapter = setup.model->load_adapter(spec, state, false, folder);
    const auto taken = [&](const std::string& name) {
      return std::any_of(policies.begin(), policies.end(),
                         [&](const Policy& other) { return other.name == name; });
    };
    const std::string plain = policy.name.empty() ? "adapter" : policy.name;
    policy.name = plain;
    for (int i = 2; taken(policy.name); ++i) { policy.name = cat(plain, "_", i); }
    policies.push_back(std::move(policy));
  }
  return policies;
}

std::int64_t longest(const EvalOptions& options, const ModelSpec& spec) {
  const std::int64_t most = spec.position_limit();
  check_input(options.max_length <= most, "max_length is ", options.max_length, ", but the model has ", most,
              " positions");
  return options.max_length > 0 ? options.max_length : most;
}

class Evaluation {
 public:
  Evaluation(const EvalOptions& options, std::vector<LoadedTask> tasks, dist::Ranks& gang)
      : options_(options),
        gang_(gang),
        tasks_(std::move(tasks)),
        setup_(setup::load_for_inference(options.model_name_or_path, "", options.compute)),
        text_(setup::load_text(options.model_name_or_path, {}, setup_.folder.spec)) {
    check_input(!setup_.model->has_reward_head(), options.model_name_or_path,
                ": a reward model cannot answer; una score compares it with pairs");
    policies_ = load_policies(options, setup_);
  }

  // Exit code.
  int run() {
    check_same_rows();
    if (gang_.leads()) { open_journals(); }
    double total = 0;
    for (const LoadedTask& task : tasks_) { total += static_cast<double>(task.rows()); }
    report::ProgressBar bar("eval", total * static_cast<double>(policies_.size()));
    bar.advance(done_before_);
    for (std::size_t t = 0; t < tasks_.size(); ++t) {
      if (!run_task(t, bar)) {
        log_info(cat("stopped; ", options_.output_dir,
                     " holds what was done, the same command goes on from there"));
        return 128 + run::agreed_signal(gang_);
      }
    }
    bar.finish();
    if (gang_.leads()) { report(); }
    return 0;
  }

 private:
  // Every rank must have what rank 0 has: it asks for rows by their numbers.
  void check_same_rows() {
    std::map<std::string, std::string> own;
    for (const LoadedTask& task : tasks_) {
      for (const Policy& policy : policies_) {
        own[cat(policy.name, " on ", task.task->name)] = identity_of(policy, task);
      }
      for (const eval::Subtask& subtask : task.subtasks) {
        Hasher hasher;
        for (const eval::Item& item : subtask.items) {
          hasher.add(item.context).add(join(item.choices, "\n"));
        }
        own[cat("the rows of ", subtask.name)] = hasher.hex();
      }
    }
    run::check_same(gang_, own, "every rank must read the same model, adapters and rows");
  }

  std::string identity_of(const Policy& policy, const LoadedTask& task) const {
    Hasher hasher;
    hasher.add(setup_.folder.content_hash).add(policy.hash).add(text_.content_hash()).add(task.task->name);
    hasher.add(setup::dtype_name(setup_.model->dtype()));
    hasher.add_number(static_cast<std::uint64_t>(longest(options_, setup_.folder.spec)));
    if (!task.task->by_choice()) {
      hasher.add_number(static_cast<std::uint64_t>(max_gen_toks(task))).add(task.scorer->remark());
    }
    return hasher.hex();
  }

  std::int64_t max_gen_toks(const LoadedTask& task) const {
    return options_.max_gen_toks > 0 ? options_.max_gen_toks : task.task->max_gen_toks;
  }

  void open_journals() {
    for (const LoadedTask& task : tasks_) {
      journals_.emplace_back();
      for (const Policy& policy : policies_) {
        const std::string folder = cat(options_.output_dir, "/", policy.name);
        make_folder(folder);
        journals_.back().push_back(std::make_unique<eval::RowJournal>(
            cat(folder, "/", task.task->name, ".jsonl"), identity_of(policy, task)));
        for (const eval::Subtask& subtask : task.subtasks) {
          for (const eval::Item& item : subtask.items) {
            done_before_ += journals_.back().back()->find(subtask.name, item) != nullptr ? 1 : 0;
          }
        }
      }
    }
    if (done_before_ > 0) {
      log_info(cat("resuming   ", thousands(static_cast<std::int64_t>(done_before_)), " rows are done in ",
                   options_.output_dir));
    }
  }

  bool run_task(std::size_t t, report::ProgressBar& bar) {
    const LoadedTask& task = tasks_[t];
    std::vector<eval::Contestant> contestants;
    for (std::size_t p = 0; p < policies_.size(); ++p) {
      contestants.push_back({policies_[p].name,
                             {setup_.model.get(), policies_[p].adapter},
                             gang_.leads() ? journals_[t][p].get() : nullptr});
    }
    std::vector<std::int32_t> stop_ids = setup_.folder.spec.eos_ids;
    stop_ids.push_back(text_.eos_id());
    return eval::run_task(*task.task, task.subtasks, task.scorer.get(), contestants,
                          {.tokenizer = &text_.tokenizer(),
                           .stop_ids = stop_ids,
                           .max_length = longest(options_, setup_.folder.spec),
                           .batch_tokens = options_.batch_tokens,
                           .batch_size = options_.batch_size,
                           .max_gen_toks = max_gen_toks(task),
                           .advance = [&](double rows) { bar.advance(rows, task.task->name); },
                           .stopped = [] { return interrupted(); },
                           .gang = &gang_});
  }

  void report() const {
    std::vector<EvalTable> tables;
    for (std::size_t t = 0; t < tasks_.size(); ++t) {
      tables.push_back({tasks_[t].task, {}});
      std::vector<eval::TaskResults> results;
      for (std::size_t p = 0; p < policies_.size(); ++p) {
        results.push_back(eval::results_of(tasks_[t].subtasks, *journals_[t][p]));
        EvalCell cell{
            policies_[p].name, eval::score_task(*tasks_[t].task, tasks_[t].subtasks, results.back()), {}};
        if (p > 0) { cell.changes = eval::compare_tasks(results.front(), results.back()); }
        tables.back().cells.push_back(std::move(cell));
      }
    }
    const std::string text = eval_text(tables);
    write_file(options_.output_dir + "/results.txt", text);
    write_file(options_.output_dir + "/results.json", eval_json(tables).dump(2) + "\n");
    std::printf("%s\n", text.c_str());
    log_info(cat("written    results.json, results.txt and the rows' results in ", options_.output_dir));
  }

  const EvalOptions& options_;
  dist::Ranks& gang_;
  std::vector<LoadedTask> tasks_;
  setup::ModelSetup setup_;
  setup::TextSetup text_;
  std::vector<Policy> policies_;
  std::vector<std::vector<std::unique_ptr<eval::RowJournal>>> journals_;  // [task][policy]
  double done_before_ = 0;
};

// A flag that is given several times counts as one with all the values: --adapter a --adapter b.
Arguments united(const Arguments& arguments, const std::string& flag) {
  Arguments others, values;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] != flag) {
      others.push_back(arguments[i]);
      continue;
    }
    while (i + 1 < arguments.size() && !starts_with(arguments[i + 1], "--")) {
      values.push_back(arguments[++i]);
    }
  }
  if (values.empty()) { return arguments; }
  others.push_back(flag);
  others.insert(others.end(), values.begin(), values.end());
  return others;
}

int evaluate_tasks(const EvalOptions& options, dist::Ranks& gang) {
  run::set_rank_threads(options.threads, gang);
  std::vector<std::string> leaderboard, preferences;
  for (const std::string& name : options.tasks) {
    (is_preference_task(name) ? preferences : leaderboard).push_back(name);
  }
  if (options.tasks.empty()) {
    for (const eval::Task& task : eval::tasks()) { leaderboard.push_back(task.name); }
  }
  OutputFolderRule rule;
  rule.goes_on = true;  // rows that an earlier command finished are taken up
  std::optional<OutputFolder> output;
  if (gang.leads()) { output.emplace(options.output_dir, rule); }
  int code = 0;
  if (!leaderboard.empty()) {
    check_input(!options.model_name_or_path.empty(), "no model: name the model's folder with --model");
    code = Evaluation(options, load_tasks(options, leaderboard), gang).run();
  }
  if (code != 0 || preferences.empty()) { return code; }
  return evaluate_preferences(preferences,
                              {.data_folder = options.dataset_dir,
                               .output_folder = options.output_dir,
                               .rewards = options.reward,
                               .limit = options.limit,
                               .apply_chat_template = options.apply_chat_template,
                               .keys = options.keys,
                               .compute = options.compute},
                              gang);
}

}  // namespace

HelpPage eval_help(const Arguments&) { return options_page<EvalOptions>(kUsage); }

int run_eval(const Arguments& arguments) {
  const auto options =
      read_command<EvalOptions>(united(united(arguments, "--adapter"), "--reward"), aliases());
  if (!options.make_sample.empty()) { return make_sample(options.make_sample); }
  check_eval_options(options);
  Arguments words = {"eval"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  const dist::Launch launch = run::launch_of(options.ranks, options.compute.device, {});
  return run::run_by_ranks(options.ranks, launch, words,
                           [&](dist::Ranks& gang) { return evaluate_tasks(options, gang); });
}

}  // namespace una::recipe
