#include "una/demo/noise.h"

#include "una/base/error.h"
#include "una/base/format.h"

namespace una::demo {

const std::vector<NamedNoise>& noises() {
  static const std::vector<NamedNoise> kNoises = {
      {"none", "gold scores", {}},
      {"gaussian", "scores with an error of 0.15", {.deviation = 0.15}},
      {"strong", "scores with an error of 0.45", {.deviation = 0.45}},
      {"severity", "another judge for each prompt: an offset of 0.3", {.severity = 0.3, .deviation = 0.15}},
      {"length", "0.02 more for each word above the mean", {.deviation = 0.15, .per_word = 0.02}},
      {"bent", "the cube of the score", {.deviation = 0.15, .power = 3}},
      {"flips", "15 % of pairs and thumbs the wrong way round", {.deviation = 0.15, .flips = 0.15}},
      {"ups_20", "20 % of the thumbs up", {.deviation = 0.15, .ups = 0.2}},
      {"ups_80", "80 % of the thumbs up", {.deviation = 0.15, .ups = 0.8}}};
  return kNoises;
}

const Noise& find_noise(const std::string& name) {
  std::vector<std::string> names;
  for (const NamedNoise& one : noises()) {
    if (one.name == name) { return one.noise; }
    names.push_back(one.name);
  }
  throw InputError(cat("noise: \"", name, "\" is none of ", join(names, ", ")));
}

}  // namespace una::demo
