#pragma once

#include <cstdint>
#include <string>

#include "una/setup/run_config.h"

namespace una::study {

// The keys of `una rounds` beside a run's.
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

// Iterative offline alignment: sample, label, train, again and again, every file kept. Returns the exit code.
int run_rounds(setup::RunConfig config, RoundsOptions options);

}  // namespace una::study
