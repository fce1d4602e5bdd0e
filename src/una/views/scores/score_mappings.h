#pragma once

#include <memory>
#include <string>
#include <vector>

#include "una/rows/score_fit.h"

// Ways from scores to targets in [0, 1] (--score_mapping). A new one is a source file score_x.cpp and a line
// in the table of score_mappings.cpp.
namespace una::views {

// One choice of --score_mapping.
struct ScoreMapping {
  const char* name;
  const char* rule;  // for people
  // From the scores in ascending order, not all equal. nullptr: by the declared range, nothing is fitted.
  std::unique_ptr<rows::ScoreFit> (*fit)(const std::vector<double>& sorted);
  std::unique_ptr<rows::ScoreFit> (*read)(const Json& state);
};

const std::vector<ScoreMapping>& score_mappings();
const ScoreMapping& find_score_mapping(const std::string& name);  // InputError names the others

std::unique_ptr<rows::ScoreFit> fit_min_max(const std::vector<double>& sorted);
std::unique_ptr<rows::ScoreFit> fit_quantile(const std::vector<double>& sorted);
std::unique_ptr<rows::ScoreFit> fit_z_score(const std::vector<double>& sorted);
std::unique_ptr<rows::ScoreFit> read_min_max(const Json& state);
std::unique_ptr<rows::ScoreFit> read_quantile(const Json& state);
std::unique_ptr<rows::ScoreFit> read_z_score(const Json& state);

}  // namespace una::views
