#pragma once

#include <map>
#include <string>
#include <vector>

namespace una::objective {

// loss_weights: explicit lambda_k of some parts, as "pairwise=1,sft=0.1"; "": none.
class PartWeights {
 public:
  // InputError for an unknown part (with the nearest), a negative number, or a part given twice.
  PartWeights(const std::string& text, const std::vector<std::string>& parts);
  // `by_count` (the default N_k / sum N) with the explicit weights substituted.
  std::vector<double> apply(std::vector<double> by_count) const;

 private:
  std::map<std::size_t, double> explicit_;
};

}  // namespace una::objective
