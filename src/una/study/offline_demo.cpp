#include "una/study/offline_demo.h"

#include <algorithm>
#include <cstdio>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"

namespace una::study {
namespace {

// Every method sees each response once in `steps` steps: the rows per step follow from the rows of its file.
setup::RunConfig method_config(const DemoRun& run, const DemoMethod& method, std::int64_t steps) {
  const std::string text = read_file(run.data_file(method.feedback));
  const std::int64_t rows = std::count(text.begin(), text.end(), '\n');
  setup::RunConfig config = run.base_config(method.method, method.folder);
  config.data.dataset_name = {run.data_file(method.feedback)};
  config.train.per_device_train_batch_size = std::max<std::int64_t>(1, (rows + steps - 1) / steps);
  config.train.max_steps = steps;
  config.train.learning_rate = method.learning_rate;
  config.objective.beta = run.sizes().beta;
  if (method.method == "una") {  // other methods refuse keys that they do not read
    config.objective.una_loss = method.una_loss;
    config.objective.una_link = method.una_link;
    config.objective.una_f = method.una_f;
  }
  config.run.reference_cache_dir = "none";
  return config;
}

std::vector<MethodResult> align(const DemoRun& run, std::int64_t steps) {
  std::vector<MethodResult> results;
  for (const DemoMethod& method : demo_methods()) {
    if (!run.wanted(method.folder)) { continue; }
    results.push_back(run.train(method_config(run, method, steps), method.name, method.folder));
  }
  check_input(!results.empty(), "--methods names no method of the demo");
  return results;
}

void print_table(const DemoRun& run, const std::vector<MethodResult>& results, std::int64_t steps) {
  std::printf(
      "\ngold score on %zu held-out prompts (%d samples each, temperature 1), %lld responses and %lld steps "
      "each, beta %s, seed %lld\n\n",
      run.held_out().size(), run.sizes().samples_per_held_out, static_cast<long long>(run.responses()),
      static_cast<long long>(steps), significant(run.sizes().beta, 2).c_str(),
      static_cast<long long>(run.options().seed));
  std::printf("%-22s %7s %7s  %-26s %8s %7s  %-19s %8s %8s\n", "method", "before", "after",
              "gain  [95 % interval]", "win rate", "KL", "rho  [95 %]", "seconds", "peak MB");
  for (const MethodResult& r : results) {
    std::printf("%-22s %7.3f %7.3f  %+.3f  [%+.3f, %+.3f] %s %7.2f %7.2f  %.3f [%.3f, %.3f] %8.1f %8.0f\n",
                r.name.c_str(), r.gold_before, r.gold_after, r.gain.mean, r.gain.low, r.gain.high,
                r.gain.low > 0 ? "     " : "n. s.", r.win.mean, r.kl, r.efficiency.rho.mean,
                r.efficiency.rho.low, r.efficiency.rho.high, r.seconds, r.peak_mb);
  }
  std::printf(
      "\nwin rate: share of prompts where the aligned model's answers score higher than the start model's, "
      "ties one half\nKL: mean log pi/pi_start over own samples, nats per answer; n. s.: not significant\nrho: correlation of "
      "log pi/pi_start with gold inside prompts, on answers of the start model; intervals are over prompts, of this "
      "one model\n");
}

}  // namespace

int run_offline_demo(DemoRun& run) {
  if (!run.prepare()) { return 0; }
  const std::int64_t steps = run.options().steps > 0 ? run.options().steps : run.sizes().steps;
  std::vector<MethodResult> results = align(run, steps);
  run.evaluate(results);
  run.write_results(results);
  print_table(run, results, steps);
  run.print_answers(results);
  return 0;
}

}  // namespace una::study
