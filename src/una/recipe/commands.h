#pragma once

#include <string>
#include <vector>

namespace una::recipe {

// One command of the program. `run` returns the exit code; errors travel as exceptions.
struct Command {
  const char* name;
  const char* summary;
  int (*run)(const std::vector<std::string>& arguments);
};

// The table, in the order of the help.
const std::vector<Command>& commands();

// Finds and runs one; --help, --version and unknown names are answered here.
int run_command(const std::vector<std::string>& arguments);

int run_train(const std::vector<std::string>& arguments);
int run_una(const std::vector<std::string>& arguments);
int run_dpo(const std::vector<std::string>& arguments);
int run_kto(const std::vector<std::string>& arguments);
int run_sft(const std::vector<std::string>& arguments);
int run_una_online(const std::vector<std::string>& arguments);
int run_rloo(const std::vector<std::string>& arguments);
int run_grpo(const std::vector<std::string>& arguments);
int run_online_dpo(const std::vector<std::string>& arguments);
int run_ppo(const std::vector<std::string>& arguments);
int run_reward(const std::vector<std::string>& arguments);
int run_rounds(const std::vector<std::string>& arguments);
int run_plan(const std::vector<std::string>& arguments);
int run_preview(const std::vector<std::string>& arguments);
int run_score(const std::vector<std::string>& arguments);
int run_label(const std::vector<std::string>& arguments);
int run_convert(const std::vector<std::string>& arguments);
int run_generate(const std::vector<std::string>& arguments);
int run_merge(const std::vector<std::string>& arguments);
int run_export(const std::vector<std::string>& arguments);
int run_doctor(const std::vector<std::string>& arguments);
int run_report(const std::vector<std::string>& arguments);
int run_demo(const std::vector<std::string>& arguments);
int run_bench(const std::vector<std::string>& arguments);

}  // namespace una::recipe
