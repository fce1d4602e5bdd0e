#include <algorithm>
#include <cstdio>
#include <utility>

#include "una/recipe/commands.h"
#include "una/setup/run_config.h"
#include "una/study/rounds.h"

namespace una::recipe {

int run_rounds(const std::vector<std::string>& arguments) {
  const std::vector<OptionHelp> own = describe_options(study::RoundsOptions{});
  if (std::find(arguments.begin(), arguments.end(), "--help") != arguments.end()) {
    std::vector<OptionHelp> all = own;
    const std::vector<OptionHelp> run = describe_options(setup::default_config("una"));
    all.insert(all.end(), run.begin(), run.end());
    std::printf("%s",
                setup::help_text(
                    "usage: una rounds --method una|dpo|kto --model DIR --data PROMPTS --reward REWARD --out "
                    "DIR [--rounds N] [--reference start|previous]\n"
                    "rounds of: sample answers, label them, train on them (docs/online.md)",
                    all)
                    .c_str());
    return 0;
  }
  Settings settings;
  setup::RunConfig config = setup::read_run_config(arguments, "", own, settings);
  study::RoundsOptions options;
  read_options(settings, options);
  return study::run_rounds(std::move(config), std::move(options));
}

}  // namespace una::recipe
