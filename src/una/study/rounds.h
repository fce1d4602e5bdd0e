#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "una/setup/run_config.h"

namespace una::study {

// The keys of `una rounds` in addition to a run's.
struct RoundsOptions {
  std::int64_t rounds = 3;
  std::string reference = "start";
  template <class V>
  void fields(V&& v) {
    v("rounds", rounds, "how often: sample, label, train; more of them later go on from the last");
    v("reference", reference,
      "what each round is held to: start (the first policy) | previous (the round's own start)");
  }
};

// The keys of a run that rounds read for sampling, whatever the method.
const std::vector<std::string>& sampling_keys();

// Iterative offline alignment: sample, label, train, repeated, with every file kept. Returns the exit code.
int run_rounds(setup::RunConfig config, RoundsOptions options);

}  // namespace una::study
