#include "una/views/scores/score_mappings.h"

#include "una/base/error.h"
#include "una/base/format.h"

namespace una::views {

const std::vector<ScoreMapping>& score_mappings() {
  static const std::vector<ScoreMapping> table = {
      {"range", "(score - lo) / (hi - lo) of the declared range", nullptr, nullptr},
      {"min_max", "lowest score 0, highest 1", fit_min_max, read_min_max},
      {"quantile", "share of the scores below, ties count half", fit_quantile, read_quantile},
      {"z_score", "Phi((score - mean) / deviation)", fit_z_score, read_z_score},
  };
  return table;
}

const ScoreMapping& find_score_mapping(const std::string& name) {
  std::vector<std::string> names;
  for (const ScoreMapping& mapping : score_mappings()) {
    if (name == mapping.name) { return mapping; }
    names.emplace_back(mapping.name);
  }
  const std::string nearest = nearest_name(name, names);
  throw InputError(cat("--score_mapping: \"", name, "\" is none of ", join(names, ", "),
                       nearest.empty() ? "" : "; did you mean \"" + nearest + "\"?"));
}

}  // namespace una::views
