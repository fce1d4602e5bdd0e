#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "una/eval/statistics.h"
#include "una/setup/run_config.h"

namespace una::study {

// The keys of `una tune` in addition to a run's.
struct TuneOptions {
  std::vector<std::string> tune;
  std::int64_t tune_rungs = 3;
  std::int64_t tune_factor = 3;
  std::int64_t tune_seeds = 1;
  std::int64_t tune_processes = 1;
  template <class V>
  void fields(V&& v) {
    v("tune", tune,
      "keys and their values: learning_rate=1e-6,1e-5 beta=0.03,0.1; every combination is a candidate");
    v("tune_rungs", tune_rungs, "how often the candidates are compared; the last time at the end of the run");
    v("tune_factor", tune_factor,
      "the best 1 / tune_factor of them go on, and each rung is as many times longer");
    v("tune_seeds", tune_seeds, "runs of each candidate: seed, seed + 1, ...; their mean is compared");
    v("tune_processes", tune_processes, "runs at one time; they share the threads");
  }
};

// A candidate: values for the keys that are tuned.
struct Candidate {
  std::string name;                                           // "learning_rate 1e-06, beta 0.1"
  std::vector<std::pair<std::string, std::string>> settings;  // key, value
};

// Every combination of `tune`'s values, the last key changing fastest. InputError for what is not key=value,value.
std::vector<Candidate> make_candidates(const std::vector<std::string>& tune);

// The steps at which candidates are compared, ascending: each `factor` times the one before, the last one `steps`.
// InputError where there are too few steps.
std::vector<std::int64_t> rung_steps(std::int64_t steps, std::int64_t rungs, std::int64_t factor);

// Which candidates go on: the best ceil(n / factor), in their own order. A candidate without a value is never better than
// one that has it.
std::vector<std::size_t> survivors(const std::vector<std::size_t>& candidates,
                                   const std::vector<double>& values, bool greater_is_better,
                                   std::int64_t factor);

// What a run's metrics.jsonl says of it at `step`: the metric of the last evaluation up to there or, with a budget, the best
// one among those whose eval_kl is within it. NaN: there is none.
double tuned_metric(const std::string& metrics_jsonl, const std::string& metric, std::int64_t step,
                    double kl_budget, bool greater_is_better);

// Mean over seeds with Student's 95 % interval; bounds are NaN for one seed, and all is for none.
eval::Interval seed_interval(const std::vector<double>& values);

// Successive halving: short runs of all candidates, the best of which go on, bit for bit, until the last ones reach the
// run's end. Resumable. Writes results.json and report.html; returns the exit code.
int run_tune(setup::RunConfig config, TuneOptions options);

}  // namespace una::study
