#include <utility>

#include "una/recipe/commands.h"
#include "una/recipe/shell/help.h"
#include "una/setup/run_config.h"
#include "una/study/tune.h"

namespace una::recipe {

HelpPage tune_help(const Arguments& arguments) {
  return {
      "usage: una tune --method una|dpo|... --model DIR --data FILE --eval_fraction 0.1 --out DIR\n"
      "       --tune learning_rate=1e-6,1e-5 beta=0.03,0.1\n"
      "successive halving: short runs of every combination, the best of which go on to the run's end (docs/eval.md)",
      run_groups(setup::find_method("una"), wants_all_help(arguments),
                 describe_options(study::TuneOptions{}))};
}

int run_tune(const Arguments& arguments) {
  const setup::CommandKeys keys{.own = describe_options(study::TuneOptions{}), .also = {}};
  Settings settings;
  setup::RunConfig config = setup::read_run_config(arguments, "", keys, settings);
  study::TuneOptions options;
  read_options(settings, options);
  return study::run_tune(std::move(config), std::move(options));
}

}  // namespace una::recipe
