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
#include "una/eval/tasks/loaded_task.h"
#include "una/eval/tasks/scores.h"
#include "una/eval/tasks/task_run.h"
#include "una/recipe/command_line.h"
#include "una/recipe/commands.h"
#include "una/report/eval_page.h"
#include "una/report/progress_bar.h"
#include "una/run/run_ranks.h"
#include "una/setup/model_setup.h"
#include "una/setup/rank_options.h"
#include "una/study/evaluate/eval_model.h"
#include "una/study/evaluate/eval_report.h"
#include "una/study/evaluate/preference_eval.h"
#include "una/study/evaluate/win_eval.h"
#include "una/wins/question_rows.h"

namespace una::recipe {
namespace {

namespace fs = std::filesystem;

constexpr const char* kUsage =
    "usage: una eval --tasks bbh,ifeval --data DIR --model DIR [--adapter DIR ...] --out DIR\n"
    "       una eval --tasks rewardbench --data DIR --reward model:FOLDER implicit:POLICY --out DIR\n"
    "       una eval --tasks win_rate,mt_bench --data DIR --model DIR --adapter DIR --reward judge:FILE --out DIR\n"
    "       una eval --make_sample DIR          writes a few rows of our own for every task\n"
    "the tasks of the Open LLM Leaderboard from local files, asked and scored as lm-evaluation-harness does; docs/eval.md\n"
    "has the files and the rules. The same command goes on where a stopped one was.";

// The keys of `una eval`.
struct EvalOptions {
  std::string model_name_or_path, output_dir, dataset_dir, make_sample;
  std::vector<std::string> tasks, adapter, reward;
  std::string against;
  setup::Compute compute;
  std::int64_t limit = 0, max_gen_toks = 0, max_length = 0, batch_tokens = 8192, batch_size = 64, threads = 0;
  std::int64_t num_samples = 1, judge_repeats = 20;
  double temperature = 1;
  std::string nltk_data;
  bool apply_chat_template = false;
  setup::RankOptions ranks;
  setup::RewardKeys keys;
  template <class V>
  void fields(V&& v) {
    v("tasks", tasks,
      "ifeval | bbh | math_hard | gpqa | musr | mmlu_pro | rewardbench | rewardbench2 | pairs | win_rate | "
      "alpaca_eval | mt_bench; several with commas; empty: the first six");
    v("dataset_dir", dataset_dir, "the folder with the tasks' files (alias --data)");
    v("model_name_or_path", model_name_or_path, "the model's folder (alias --model)");
    v("adapter", adapter, "PEFT adapters on it, compared with the model and with each other's rows");
    v("output_dir", output_dir, "the folder for results (alias --out)");
    v("limit", limit, "use only the first rows of each file; 0: all");
    v("max_gen_toks", max_gen_toks,
      "longest written answer in tokens; 0: the task's (ifeval 1280, math_hard and mt_bench 1024, win_rate and "
      "alpaca_eval 512)");
    v("max_length", max_length,
      "tokens of context and answer, longer contexts lose their beginning; 0: the model's");
    v("batch_tokens", batch_tokens, "tokens computed together for multiple choice");
    v("batch_size", batch_size, "answers written at one time");
    v("nltk_data", nltk_data,
      "folder of NLTK's data with punkt_tab, for ifeval; empty: where NLTK would look");
    v("reward", reward,
      "from rewardbench on: what is to tell the better answers, as model:FOLDER, implicit:POLICY, "
      "implicit_mean:POLICY, logp:MODEL, judge:FILE (docs/rewards.md); each is evaluated by itself");
    v("apply_chat_template", apply_chat_template, "for these: string prompts are user turns");
    v("against", against,
      "win_rate and alpaca_eval: a file of answers to compare with; empty: the model without adapter, or alpaca_eval's "
      "own outputs");
    v("num_samples", num_samples, "win_rate, alpaca_eval and mt_bench: answers to each question");
    v("temperature", temperature, "of their sampler; mt_bench has its own by category");
    v("judge_repeats", judge_repeats,
      "comparisons that a judge is asked about again, to show its noise; 0: none");
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
  study::write_preference_sample(folder);
  wins::write_question_sample(folder);
  log_info(cat("written    rows of our own for ",
               eval::tasks().size() + study::preference_tasks().size() + wins::win_tasks().size(),
               " tasks in ", folder));
  return 0;
}

std::int64_t longest(const EvalOptions& options, const ModelSpec& spec) {
  const std::int64_t most = spec.position_limit();
  check_input(options.max_length <= most, "max_length is ", options.max_length, ", but the model has ", most,
              " positions");
  return options.max_length > 0 ? options.max_length : most;
}

class Evaluation {
 public:
  Evaluation(const EvalOptions& options, std::vector<eval::LoadedTask> tasks, study::EvalModel& model,
             dist::Ranks& gang)
      : options_(options), gang_(gang), tasks_(std::move(tasks)), model_(model) {}

  // Exit code. What is shown of it goes to `pages`.
  int run(std::vector<report::EvalPageTable>& pages) {
    check_lengths();
    check_same_rows();
    if (gang_.leads()) { open_journals(); }
    double total = 0;
    for (const eval::LoadedTask& task : tasks_) { total += static_cast<double>(task.rows()); }
    report::ProgressBar bar("eval", total * static_cast<double>(model_.policies.size()));
    bar.advance(done_before_);
    for (std::size_t t = 0; t < tasks_.size(); ++t) {
      if (!run_task(t, bar)) {
        log_info(cat("stopped; ", options_.output_dir,
                     " holds what was done, the same command goes on from there"));
        return 128 + run::agreed_signal(gang_);
      }
    }
    bar.finish();
    if (gang_.leads()) { report(pages); }
    return 0;
  }

 private:
  // Looks at all tasks before the first row of one.
  void check_lengths() const {
    const std::int64_t most = longest(options_, model_.setup.folder.spec);
    for (const eval::LoadedTask& task : tasks_) {
      check_input(task.task->by_choice() || max_gen_toks(task) < most, task.task->name, ": answers of ",
                  max_gen_toks(task), " tokens leave no room for a prompt in ", most,
                  " tokens; give a smaller --max_gen_toks");
    }
  }

  // Every rank must have what rank 0 has: it asks for rows by their numbers.
  void check_same_rows() {
    std::map<std::string, std::string> own;
    for (const eval::LoadedTask& task : tasks_) {
      for (const study::EvalPolicy& policy : model_.policies) {
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

  std::string identity_of(const study::EvalPolicy& policy, const eval::LoadedTask& task) const {
    Hasher hasher;
    hasher.add(model_.setup.folder.content_hash)
        .add(policy.hash)
        .add(model_.text.content_hash())
        .add(task.task->name);
    hasher.add(setup::dtype_name(model_.setup.model->dtype()));
    hasher.add_number(static_cast<std::uint64_t>(longest(options_, model_.setup.folder.spec)));
    if (!task.task->by_choice()) {
      hasher.add_number(static_cast<std::uint64_t>(max_gen_toks(task))).add(task.scorer->remark());
    }
    return hasher.hex();
  }

  std::int64_t max_gen_toks(const eval::LoadedTask& task) const {
    return options_.max_gen_toks > 0 ? options_.max_gen_toks : task.task->max_gen_toks;
  }

  void open_journals() {
    for (const eval::LoadedTask& task : tasks_) {
      journals_.emplace_back();
      for (const study::EvalPolicy& policy : model_.policies) {
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
    const eval::LoadedTask& task = tasks_[t];
    std::vector<eval::Contestant> contestants;
    for (std::size_t p = 0; p < model_.policies.size(); ++p) {
      contestants.push_back({model_.policies[p].name,
                             {model_.setup.model.get(), model_.policies[p].adapter},
                             gang_.leads() ? journals_[t][p].get() : nullptr});
    }
    return eval::run_task(*task.task, task.subtasks, task.scorer.get(), contestants,
                          {.tokenizer = &model_.text.tokenizer(),
                           .stop_ids = model_.stop_ids(),
                           .max_length = longest(options_, model_.setup.folder.spec),
                           .batch_tokens = options_.batch_tokens,
                           .batch_size = options_.batch_size,
                           .max_gen_toks = max_gen_toks(task),
                           .advance = [&](double rows) { bar.advance(rows, task.task->name); },
                           .stopped = [] { return interrupted(); },
                           .gang = &gang_});
  }

  void report(std::vector<report::EvalPageTable>& pages) const {
    std::vector<study::EvalTable> tables;
    for (std::size_t t = 0; t < tasks_.size(); ++t) {
      tables.push_back({tasks_[t].task, {}});
      std::vector<eval::TaskResults> results;
      for (std::size_t p = 0; p < model_.policies.size(); ++p) {
        results.push_back(eval::results_of(tasks_[t].subtasks, *journals_[t][p]));
        study::EvalCell cell{model_.policies[p].name,
                             eval::score_task(*tasks_[t].task, tasks_[t].subtasks, results.back()),
                             {}};
        if (p > 0) { cell.changes = eval::compare_tasks(results.front(), results.back()); }
        tables.back().cells.push_back(std::move(cell));
      }
    }
    const std::string text = study::eval_text(tables);
    write_file(options_.output_dir + "/results.txt", text);
    write_file(options_.output_dir + "/results.json", study::eval_json(tables).dump(2) + "\n");
    for (report::EvalPageTable& page : study::eval_pages(tables)) { pages.push_back(std::move(page)); }
    std::printf("%s\n", text.c_str());
    log_info(cat("written    results.json, results.txt and the rows' results in ", options_.output_dir));
  }

  const EvalOptions& options_;
  dist::Ranks& gang_;
  std::vector<eval::LoadedTask> tasks_;
  study::EvalModel& model_;
  std::vector<std::vector<std::unique_ptr<eval::RowJournal>>> journals_;  // [task][policy]
  double done_before_ = 0;
};

// Tasks by what asks them.
struct Chosen {
  std::vector<std::string> leaderboard, wins, preferences;
};

Chosen chosen_tasks(const std::vector<std::string>& names) {
  Chosen chosen;
  for (const std::string& name : names) {
    (study::is_preference_task(name) ? chosen.preferences
     : study::is_win_task(name)      ? chosen.wins
                                     : chosen.leaderboard)
        .push_back(name);
  }
  if (names.empty()) {
    for (const eval::Task& task : eval::tasks()) { chosen.leaderboard.push_back(task.name); }
  }
  return chosen;
}

study::WinOptions win_options(const EvalOptions& options, std::int64_t most_tokens) {
  return {.data_folder = options.dataset_dir,
          .output_folder = options.output_dir,
          .rewards = options.reward,
          .against = options.against,
          .limit = options.limit,
          .max_new_tokens = options.max_gen_toks > 0 ? options.max_gen_toks : most_tokens,
          .batch_size = options.batch_size,
          .num_samples = options.num_samples,
          .judge_repeats = options.judge_repeats,
          .temperature = options.temperature,
          .apply_chat_template = options.apply_chat_template,
          .keys = options.keys,
          .compute = options.compute};
}

// The tasks that need the model, which is loaded once.
int run_model_tasks(const Chosen& chosen, const EvalOptions& options, dist::Ranks& gang,
                    study::WinPages& pages) {
  check_input(!options.model_name_or_path.empty(), "no model: name the model's folder with --model");
  std::vector<eval::LoadedTask> tasks = eval::load_tasks(
      {options.dataset_dir, options.limit}, chosen.leaderboard, {.nltk_data = options.nltk_data});
  study::EvalModel model =
      study::load_eval_model(options.model_name_or_path, options.adapter, options.compute);
  if (!tasks.empty()) {
    const int code = Evaluation(options, std::move(tasks), model, gang).run(pages.tables);
    if (code != 0) { return code; }
  }
  if (chosen.wins.empty()) { return 0; }
  const bool bench = std::find(chosen.wins.begin(), chosen.wins.end(), "mt_bench") != chosen.wins.end();
  return study::evaluate_wins(chosen.wins, model, win_options(options, bench ? 1024 : 512), pages);
}

int run_tasks(const Chosen& chosen, const EvalOptions& options, dist::Ranks& gang) {
  study::WinPages pages;
  int code = 0;
  if (!chosen.leaderboard.empty() || !chosen.wins.empty()) {
    code = run_model_tasks(chosen, options, gang, pages);
  }
  if (code == 0 && !chosen.preferences.empty()) {
    code = study::evaluate_preferences(chosen.preferences,
                                       {.data_folder = options.dataset_dir,
                                        .output_folder = options.output_dir,
                                        .rewards = options.reward,
                                        .limit = options.limit,
                                        .apply_chat_template = options.apply_chat_template,
                                        .keys = options.keys,
                                        .compute = options.compute},
                                       gang, pages.tables);
  }
  if (code != 0 || !gang.leads()) { return code; }
  const std::string title = fs::path(absolute_path(options.output_dir)).filename().string();
  write_file(options.output_dir + "/report.html", report::eval_page(title, pages.tables, pages.answers));
  return 0;
}

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

int evaluate(const EvalOptions& options, dist::Ranks& gang) {
  run::set_rank_threads(options.threads, gang);
  OutputFolderRule rule;
  rule.goes_on = true;  // rows that an earlier command finished are taken up
  std::optional<OutputFolder> output;
  if (gang.leads()) { output.emplace(options.output_dir, rule); }
  return run_tasks(chosen_tasks(options.tasks), options, gang);
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
  check_input(launch.size == 1 || chosen_tasks(options.tasks).wins.empty(),
              "win_rate, alpaca_eval and mt_bench with ", launch.size,
              " ranks are not offered: ask them in a command of its own without --nproc");
  return run::run_by_ranks(options.ranks, launch, words,
                           [&](dist::Ranks& gang) { return evaluate(options, gang); });
}

}  // namespace una::recipe
