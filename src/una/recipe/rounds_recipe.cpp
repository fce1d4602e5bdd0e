#include <cstdio>
#include <utility>

#include "una/recipe/commands.h"
#include "una/recipe/shell/help.h"
#include "una/setup/run_config.h"
#include "una/study/rounds.h"

namespace una::recipe {

namespace {

setup::CommandKeys rounds_keys() {
  return {.own = describe_options(study::RoundsOptions{}), .also = study::sampling_keys()};
}

}  // namespace

HelpPage rounds_help(const Arguments& arguments) {
  const setup::CommandKeys keys = rounds_keys();
  return {
      "usage: una rounds --method una|dpo|kto --model DIR --data PROMPTS --reward REWARD --out DIR "
      "[--rounds N] [--reference start|previous]\n"
      "rounds of: sample answers, label them, train on them (docs/online.md)",
      run_groups(setup::find_method("una"), wants_all_help(arguments), keys.own, keys.also)};
}

int run_rounds(const Arguments& arguments) {
  const setup::CommandKeys keys = rounds_keys();
  Settings settings;
  setup::RunConfig config = setup::read_run_config(arguments, "", keys, settings);
  study::RoundsOptions options;
  read_options(settings, options);
  return study::run_rounds(std::move(config), std::move(options));
}

}  // namespace una::recipe
