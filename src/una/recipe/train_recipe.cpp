#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <thread>

#include <ATen/Parallel.h>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/files.h"
#include "una/base/format.h"
#include "una/base/interrupt.h"
#include "una/base/log.h"
#include "una/dist/gang.h"
#include "una/recipe/commands.h"
#include "una/report/html_report.h"
#include "una/run/training_run.h"

namespace una::recipe {
namespace {

int train_command(const std::vector<std::string>& arguments, const std::string& method) {
  if (std::find(arguments.begin(), arguments.end(), "--help") != arguments.end()) {
    const std::string name =
        method.empty() ? "train --method una|dpo|kto|sft|reward|una_online|rloo|grpo|online_dpo|ppo" : method;
    const std::string usage =
        cat("usage: una ", name, " --model DIR --data FILE --out DIR [--key value ...]\n", "       una ",
            name, " --config run.yaml [--key value ...]");
    std::printf("%s", setup::help_text(
                          usage, describe_options(setup::default_config(method.empty() ? "una" : method)))
                          .c_str());
    return 0;
  }
  const setup::RunConfig config = setup::read_run_config(arguments, method);
  return run::run_training(config);
}

}  // namespace

int run_train(const std::vector<std::string>& arguments) { return train_command(arguments, ""); }
int run_una(const std::vector<std::string>& arguments) { return train_command(arguments, "una"); }
int run_dpo(const std::vector<std::string>& arguments) { return train_command(arguments, "dpo"); }
int run_kto(const std::vector<std::string>& arguments) { return train_command(arguments, "kto"); }
int run_sft(const std::vector<std::string>& arguments) { return train_command(arguments, "sft"); }
int run_una_online(const std::vector<std::string>& arguments) {
  return train_command(arguments, "una_online");
}
int run_rloo(const std::vector<std::string>& arguments) { return train_command(arguments, "rloo"); }
int run_grpo(const std::vector<std::string>& arguments) { return train_command(arguments, "grpo"); }
int run_online_dpo(const std::vector<std::string>& arguments) {
  return train_command(arguments, "online_dpo");
}
int run_ppo(const std::vector<std::string>& arguments) { return train_command(arguments, "ppo"); }
int run_reward(const std::vector<std::string>& arguments) { return train_command(arguments, "reward"); }

}  // namespace una::recipe
