#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/recipe/commands.h"
#include "una/recipe/shell/help.h"
#include "una/run/run_ranks.h"
#include "una/setup/methods.h"
#include "una/setup/rank_options.h"

namespace una::recipe {
namespace {

// The method that the words name with --method; "una" where they name none.
std::string named_method(const Arguments& arguments) {
  for (std::size_t i = 0; i + 1 < arguments.size(); ++i) {
    if (arguments[i] == "--method") { return arguments[i + 1]; }
  }
  return "una";
}

}  // namespace

HelpPage train_help(const Arguments& arguments, const std::string& command) {
  const setup::Method& method = setup::find_method(command.empty() ? named_method(arguments) : command);
  std::vector<std::string> names;
  for (const setup::Method& each : setup::methods()) { names.push_back(each.name); }
  const std::string words = command.empty() ? "train --method " + join(names, "|") : command;
  const std::string reward = method.online ? " --reward REWARD" : "";
  std::string usage = cat(
      "usage: una ", words, " --model DIR --data FILE", reward, " --out DIR [--key value ...]\n       una ",
      command.empty() ? "train" : command, " --config run.yaml [--key value ...]\n", method.name, ": ",
      method.summary, "\n\nthe keys that ", method.name,
      " reads, with its defaults (dashes and underscores are the same); --help all shows every key");
  return {std::move(usage), run_groups(method, wants_all_help(arguments), setup::command_keys())};
}

int run_train(const Arguments& arguments, const std::string& method) {
  const setup::CommandKeys keys{.own = setup::command_keys(), .also = {}};
  Settings settings;
  const setup::RunConfig config = setup::read_run_config(arguments, method, keys, settings);
  setup::RankOptions ranks;
  setup::StopOptions stop;
  setup::ZeroOptions zero;
  read_options(settings, ranks);
  read_options(settings, zero);
  read_options(settings, stop);
  Arguments words = {method.empty() ? "train" : method};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return run::run_training_by_ranks(config, ranks, stop, zero, words);
}

}  // namespace una::recipe
