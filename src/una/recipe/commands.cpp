#include "una/recipe/commands.h"

#include <cstdio>

#include "una/base/error.h"
#include "una/base/format.h"

namespace una::recipe {

const std::vector<Command>& commands() {
  static const std::vector<Command> kCommands = {
      {"train", "align or fine-tune: --method una|dpo|kto|sft|reward", run_train},
      {"una", "train --method una: pairs, thumbs and scores, mixed, by one implicit reward", run_una},
      {"dpo", "train --method dpo", run_dpo},
      {"kto", "train --method kto", run_kto},
      {"sft", "train --method sft", run_sft},
      {"reward", "train --method reward: a reward model", run_reward},
      {"una_online", "train --method una_online: own samples, fitted to their rewards", run_una_online},
      {"rloo", "train --method rloo: own samples, REINFORCE leave-one-out", run_rloo},
      {"grpo", "train --method grpo", run_grpo},
      {"online_dpo", "train --method online_dpo: the best and the worst of own samples as pairs",
       run_online_dpo},
      {"ppo", "train --method ppo: with a critic", run_ppo},
      {"rounds", "offline methods on the policy's own answers: sample, label, train, repeat", run_rounds},
      {"plan", "tokens, steps, memory and time of a run, before anything is loaded", run_plan},
      {"preview", "show how rows are read: shapes, tokens, mask, template, lengths", run_preview},
      {"score", "implicit rewards (and log-probs) of the answers in a file", run_score},
      {"label", "give the answers in a file scores, thumbs or preferences by any reward", run_label},
      {"convert", "rows of any shape as pairs, thumbs, scores or groups in our own form", run_convert},
      {"generate", "sample answers to the prompts of a file", run_generate},
      {"merge", "write base and adapter as one model folder, verified", run_merge},
      {"export", "write a model, or base and adapter, as one GGUF file for llama.cpp", run_export},
      {"doctor", "check machine, model folder, tokenizer, template and data", run_doctor},
      {"report", "write report.html for a run folder", run_report},
      {"demo", "the whole path on a task that una makes itself", run_demo},
      {"bench", "time training or generation on this machine", run_bench},
  };
  return kCommands;
}

namespace {

void print_overview() {
  std::printf("una %s: aligns language models from pairwise, binary and score feedback\n\n", UNA_VERSION);
  std::printf("usage: una COMMAND [--key value ...]      una COMMAND --help lists the keys\n\n");
  for (const Command& command : commands()) { std::printf("  %-12s%s\n", command.name, command.summary); }
  std::printf("\nstart with: una demo --out demo-run\n");
}

}  // namespace

int run_command(const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h" || arguments[0] == "help") {
    print_overview();
    return 0;
  }
  if (arguments[0] == "--version") {
    std::printf("una %s\n", UNA_VERSION);
    return 0;
  }
  std::vector<std::string> names;
  for (const Command& command : commands()) {
    if (arguments[0] == command.name) { return command.run({arguments.begin() + 1, arguments.end()}); }
    names.emplace_back(command.name);
  }
  const std::string near = nearest_name(arguments[0], names);
  throw InputError(
      cat("'", arguments[0], "' is no command",
          near.empty() ? std::string("; una --help lists them") : cat("; did you mean ", near, "?")));
}

}  // namespace una::recipe
