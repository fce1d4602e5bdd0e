#include <cstdio>
#include <utility>

#include "una/recipe/commands.h"
#include "una/recipe/help.h"
#include "una/setup/run_config.h"
#include "una/study/rounds.h"

namespace una::recipe {

int run_rounds(const Arguments& arguments) {
  const setup::CommandKeys keys{.own = describe_options(study::RoundsOptions{}),
                                .also = study::sampling_keys()};
  if (wants_help(arguments)) {
    const std::vector<HelpGroup> groups =
        run_groups(setup::find_method("una"), wants_all_help(arguments), keys.own, keys.also);
    std::printf("%s",
                help_text("usage: una rounds --method una|dpo|kto --model DIR --data PROMPTS --reward REWARD "
                          "--out DIR [--rounds N] [--reference start|previous]\n"
                          "rounds of: sample answers, label them, train on them (docs/online.md)",
                          groups, terminal_width())
                    .c_str());
    return 0;
  }
  Settings settings;
  setup::RunConfig config = setup::read_run_config(arguments, "", keys, settings);
  study::RoundsOptions options;
  read_options(settings, options);
  return study::run_rounds(std::move(config), std::move(options));
}

}  // namespace una::recipe
