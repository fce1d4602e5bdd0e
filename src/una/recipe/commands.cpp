#include "una/recipe/commands.h"

#include <algorithm>
#include <cstdio>
#include <string_view>
#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/dist/ranks.h"
#include "una/objective/methods.h"
#include "una/objective/pair/pair_losses.h"
#include "una/recipe/launch_recipe.h"
#include "una/recipe/shell/man_page.h"
#include "una/recipe/shell/version.h"
#include "una/setup/methods.h"

namespace una::recipe {
namespace {

std::vector<Command> make_commands() {
  std::vector<std::string> names;
  for (const setup::Method& method : setup::methods()) { names.push_back(method.name); }
  std::vector<Command> out = {{"train", "align or fine-tune: --method " + join(names, "|"),
                               [](const Arguments& arguments) { return run_train(arguments, ""); },
                               [](const Arguments& arguments) { return train_help(arguments, ""); }, true}};
  for (const setup::Method& method : setup::methods()) {
    out.push_back({method.name, method.summary,
                   [name = method.name](const Arguments& arguments) { return run_train(arguments, name); },
                   [name = method.name](const Arguments& arguments) { return train_help(arguments, name); },
                   true});
  }
  const std::vector<Command> others = {
      {"rounds", "offline methods on the policy's own answers: sample, label, train, repeat", run_rounds,
       rounds_help},
      {"tune", "choose learning rate, beta and other keys by short runs, the best of which go on", run_tune,
       tune_help},
      {"plan", "tokens, steps, memory and time of a run, before anything is loaded", run_plan, plan_help},
      {"launch", "what a cluster's scheduler is given for a training command on several machines", run_launch,
       launch_help},
      {"preview", "show how rows are read: shapes, tokens, mask, template, lengths", run_preview,
       preview_help},
      {"score", "implicit rewards (and log-probs) of the answers in a file", run_score, score_help, true},
      {"eval", "the leaderboard's tasks from local files, before and after, with intervals", run_eval,
       eval_help, true},
      {"label", "give the answers in a file scores, thumbs or preferences by any reward", run_label,
       label_help, true},
      {"convert", "rows of any shape as pairs, thumbs, scores or groups in our own form", run_convert,
       convert_help},
      {"generate", "sample answers to the prompts of a file", run_generate, generate_help},
      {"chat", "talk to one model or compare two, and keep your votes as rows", run_chat, chat_help},
      {"serve", "answer OpenAI-compatible requests over HTTP", run_serve, serve_help},
      {"merge", "write base and adapter as one model folder, verified", run_merge, merge_help},
      {"export", "write a model, or base and adapter, as one GGUF file for llama.cpp", run_export,
       export_help},
      {"doctor", "check machine, model folder, tokenizer, template and data", run_doctor, doctor_help},
      {"report", "write report.html for a run folder", run_report, report_help},
      {"demo", "the whole path on a task that una makes itself", run_demo, demo_help},
      {"study", "losses, judges and seeds of the demo's task compared, with intervals", run_study,
       study_help},
      {"completion", "print a completion script for bash, zsh or fish", run_completion, completion_help},
      {"bench", "time training or generation on this machine", run_bench, bench_help},
  };
  out.insert(out.end(), others.begin(), others.end());
  return out;
}

void print_overview() {
  std::printf("una %s: aligns language models from pairwise, binary and score feedback\n\n", UNA_VERSION);
  std::printf("usage: una COMMAND [--key value ...]      una COMMAND --help lists the keys\n\n");
  for (const Command& command : commands()) {
    std::printf("  %-12s%s\n", command.name.c_str(), command.summary.c_str());
  }
  std::printf("\nstart with: una demo --out demo-run\n");
}

// What to do instead of a command that does not exist; "" where nothing comes to mind.
std::string hint_for(const std::string& name) {
  const std::vector<std::string> losses = objective::pair_loss_names();
  if (std::find(losses.begin(), losses.end(), name) != losses.end()) {
    return cat("; ", name, " is a loss of dpo: una dpo --loss_type ", name);
  }
  static constexpr std::pair<std::string_view, std::string_view> kOtherWords[] = {
      {"evaluate", "eval"},    {"finetune", "sft"},   {"fine-tune", "sft"},   {"fine_tune", "sft"},
      {"predict", "generate"}, {"infer", "generate"}, {"sample", "generate"}, {"lora", "sft"}};
  for (const auto& [word, command] : kOtherWords) {
    if (name == word) { return cat("; here it is called ", command); }
  }
  std::vector<std::string> names;
  for (const Command& command : commands()) { names.push_back(command.name); }
  const std::string near = nearest_name(name, names);
  return near.empty() || near.front() != name.front() ? "; una --help lists them"
                                                      : cat("; did you mean ", near, "?");
}

// `--help man`: the manual page, as `man -l -` reads it.
void show_help(const Command& command, const Arguments& arguments) {
  const HelpPage page = command.help(arguments);
  if (help_word(arguments) == "man") {
    std::printf("%s", man_page(command.name, command.summary, page).c_str());
  } else {
    print_help(page);
  }
}

bool asks_for_help(const std::string& word) { return word == "--help" || word == "-h" || word == "help"; }

}  // namespace

const std::vector<Command>& commands() {
  static const std::vector<Command> kCommands = make_commands();
  return kCommands;
}

int run_command(const Arguments& arguments) {
  if (arguments.empty() || (asks_for_help(arguments[0]) && arguments.size() == 1)) {
    print_overview();
    return 0;
  }
  if (arguments[0] == "--version") {
    std::printf("%s", version_text().c_str());
    return 0;
  }
  if (asks_for_help(arguments[0])) {
    Arguments help = {arguments[1], "--help"};
    help.insert(help.end(), arguments.begin() + 2, arguments.end());
    return run_command(help);
  }
  const Arguments rest(arguments.begin() + 1, arguments.end());
  for (const Command& command : commands()) {
    if (arguments[0] != command.name) { continue; }
    if (wants_help(rest)) {
      show_help(command, rest);
      return 0;
    }
    if (!command.by_ranks) { dist::check_one_process("una " + command.name); }
    return command.run(rest);
  }
  throw InputError(cat("unknown command '", arguments[0], "'", hint_for(arguments[0])));
}

}  // namespace una::recipe
