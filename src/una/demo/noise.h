#pragma once

#include <string>
#include <vector>

namespace una::demo {

// How a judge errs; its parts in the order in which they are applied to the gold score. The default errs in nothing.
struct Noise {
  double severity = 0;   // standard deviation of an offset that all answers to one prompt share
  double deviation = 0;  // standard deviation of each score's own error
  double per_word = 0;   // for each word above the mean length of all answers: a judge who likes length
  double power = 1;  // score^power: a bent scale, which keeps the order of answers and not their distances
  double flips = 0;  // share of the pairs and of the thumbs that say the opposite; scores stay as they are
  double ups = 0.5;  // share of the thumbs that are up
};

// One way to err that a user may choose by name.
struct NamedNoise {
  std::string name, summary;
  Noise noise;
};
const std::vector<NamedNoise>& noises();
const Noise& find_noise(const std::string& name);  // InputError names all

}  // namespace una::demo
