#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace una::study {

// The keys of `una bench online`.
struct OnlineStudyOptions {
  std::string output_dir = "online-bench";
  std::vector<std::string> seeds = {"42", "1", "2", "3", "4"}, methods;
  std::int64_t steps = 0, curve_points = 8, draws = 64, threads = 0;
  template <class V>
  void fields(V&& v) {
    v("output_dir", output_dir,
      "a folder for each seed's demo; a demo that is there already is not run again");
    v("seeds", seeds, "of the demos");
    v("methods", methods, "some of the online demo's; empty: all");
    v("steps", steps, "rounds of each method; 0: the demo's own");
    v("curve_points", curve_points, "checkpoints of each method that are evaluated");
    v("draws", draws, "rounds of samples a method's gradient noise is taken from; 0: not");
    v("threads", threads, "compute threads; 0: all");
  }
};

// The online demo with several seeds, compared at equal KL, and the noise of each method's gradient at one policy.
// Prints tables in Markdown and writes online.json. Returns the exit code.
int run_online_study(const OnlineStudyOptions& options);

}  // namespace una::study
