#include "una/study/offline_demo.h"

#include <algorithm>
#include <cstdio>

#include "una/base/error.h"
#include "una/base/files.h"
#include "una/base/format.h"

namespace una::study {
namespace {

// Every method sees each response once in `steps` steps: the rows of a step follow from the rows of its file.
std::string method_yaml(const DemoRun& run, const DemoMethod& method, std::int64_t steps) {
  const std::string text = read_file(run.data_file(method.feedback));
  const std::int64_t rows = std::count(text.begin(), text.end(), '\n');
  const std::int64_t batch = std::max<std::int64_t>(1, (rows + steps - 1) / steps);
  return cat("model_name_or_path: ", run.out(), "/start\ndataset_name: ", run.data_file(method.feedback),
             "\noutput_dir: ", run.out(), "/", method.folder,
             "\nmax_length: 160\nper_device_train_batch_size: ", batch, "\nmax_steps: ", steps,
             "\nlearning_rate: ", method.learning_rate, "\nbeta: ", run.sizes().beta,
             "\nuna_loss: ", method.una_loss, "\nuna_link: ", method.una_link, "\nuna_f: ", method.una_f,
             "\nlr_scheduler_type: linear\nwarmup_ratio: 0.1\nlora_r: 16\nlora_alpha: 32\n"
             "max_tokens_per_micro_batch: 4096\nsave_strategy: no\nlogging_steps: 5\nreference_cache_dir: "
             "none\nseed: ",
             run.options().seed, "\nthreads: ", run.options().threads, "\n");
}

std::vector<MethodResult> align(const DemoRun& run, std::int64_t steps) {
  std::vector<MethodResult> results;
  for (const DemoMethod& method : demo_methods()) {
    if (!run.wanted(method.folder)) { continue; }
    results.push_back(run.train(method.method, method_yaml(run, method, steps), method.name, method.folder));
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
  std::printf("%-22s %7s %7s  %-26s %8s %7s %8s %8s\n", "method", "before", "after", "gain  [95 % interval]",
              "win rate", "KL", "seconds", "peak MB");
  for (const MethodResult& r : results) {
    std::printf("%-22s %7.3f %7.3f  %+.3f  [%+.3f, %+.3f] %s %7.2f %7.2f %8.1f %8.0f\n", r.name.c_str(),
                r.gold_before, r.gold_after, r.gain.mean, r.gain.low, r.gain.high,
                r.gain.low > 0 ? "     " : "n. s.", r.win.mean, r.kl, r.seconds, r.peak_mb);
  }
  std::printf(
      "\nwin rate: share of prompts where the aligned model's answers score higher than the start model's, "
      "ties one half\nKL: mean log pi/pi_start over own samples, nats an answer; n. s.: not significant\n");
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
