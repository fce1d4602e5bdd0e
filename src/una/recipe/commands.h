#pragma once

#include <functional>
#include <string>
#include <vector>

#include "una/recipe/command_line.h"

namespace una::recipe {

// One command of the program. `run` returns the exit code; errors travel as exceptions.
struct Command {
  std::string name, summary;
  std::function<int(const Arguments&)> run;
};

// The table, in the order of the help: a command for each row of setup::methods(), and the others.
const std::vector<Command>& commands();

// Finds and runs one; --help, --version and unknown names are answered here.
int run_command(const Arguments& arguments);

int run_train(const Arguments& arguments, const std::string& method);  // "": the method is a key
int run_rounds(const Arguments& arguments);
int run_plan(const Arguments& arguments);
int run_preview(const Arguments& arguments);
int run_score(const Arguments& arguments);
int run_label(const Arguments& arguments);
int run_eval(const Arguments& arguments);
int run_convert(const Arguments& arguments);
int run_generate(const Arguments& arguments);
int run_chat(const Arguments& arguments);
int run_serve(const Arguments& arguments);
int run_merge(const Arguments& arguments);
int run_export(const Arguments& arguments);
int run_doctor(const Arguments& arguments);
int run_report(const Arguments& arguments);
int run_demo(const Arguments& arguments);
int run_bench(const Arguments& arguments);

}  // namespace una::recipe
