#pragma once

#include <functional>
#include <string>
#include <vector>

#include "una/recipe/command_line.h"

namespace una::recipe {

// One command of the program. `run` returns the exit code; errors travel as exceptions. `help` gets the words behind the
// command, --help among them.
struct Command {
  std::string name, summary;
  std::function<int(const Arguments&)> run;
  std::function<HelpPage(const Arguments&)> help;
  bool by_ranks = false;  // several processes can do its work together
};

// The table, in the order of the help: a command for each row of setup::methods(), and the others.
const std::vector<Command>& commands();

// Finds and runs one; --help, --version and unknown names are answered here.
int run_command(const Arguments& arguments);

int run_train(const Arguments& arguments, const std::string& method);  // "": the method is a key
HelpPage train_help(const Arguments& arguments, const std::string& method);
int run_rounds(const Arguments& arguments);
HelpPage rounds_help(const Arguments& arguments);
int run_tune(const Arguments& arguments);
HelpPage tune_help(const Arguments& arguments);
int run_plan(const Arguments& arguments);
HelpPage plan_help(const Arguments& arguments);
int run_preview(const Arguments& arguments);
HelpPage preview_help(const Arguments& arguments);
int run_score(const Arguments& arguments);
HelpPage score_help(const Arguments& arguments);
int run_label(const Arguments& arguments);
HelpPage label_help(const Arguments& arguments);
int run_eval(const Arguments& arguments);
HelpPage eval_help(const Arguments& arguments);
int run_convert(const Arguments& arguments);
HelpPage convert_help(const Arguments& arguments);
int run_generate(const Arguments& arguments);
HelpPage generate_help(const Arguments& arguments);
int run_chat(const Arguments& arguments);
HelpPage chat_help(const Arguments& arguments);
int run_serve(const Arguments& arguments);
HelpPage serve_help(const Arguments& arguments);
int run_merge(const Arguments& arguments);
HelpPage merge_help(const Arguments& arguments);
int run_export(const Arguments& arguments);
HelpPage export_help(const Arguments& arguments);
int run_doctor(const Arguments& arguments);
HelpPage doctor_help(const Arguments& arguments);
int run_report(const Arguments& arguments);
HelpPage report_help(const Arguments& arguments);
int run_demo(const Arguments& arguments);
HelpPage demo_help(const Arguments& arguments);
int run_study(const Arguments& arguments);
HelpPage study_help(const Arguments& arguments);
int run_completion(const Arguments& arguments);
HelpPage completion_help(const Arguments& arguments);
int run_bench(const Arguments& arguments);
HelpPage bench_help(const Arguments& arguments);

}  // namespace una::recipe
