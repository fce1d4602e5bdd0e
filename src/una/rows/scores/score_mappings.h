#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "una/base/json.h"

// Ways from scores to targets in [0, 1] (--score_mapping). A new one is a source file score_x.cpp and a line
// in the table of score_mappings.cpp.
namespace una::rows {

// What was learnt from the scores of one source.
class ScoreFit {
 public:
  virtual ~ScoreFit() = default;
  virtual double target(double score) const = 0;  // in [0, 1], for any finite score
  virtual std::string text() const = 0;           // "lowest 1, highest 5"
  virtual Json json() const = 0;                  // the numbers of it, for people
  virtual Json state() const { return json(); }   // all of it: ScoreMapping::read makes the same fit again
};

struct ScoreMapping {
  const char* name;
  const char* rule;  // for people
  // From the scores in ascending order, not all equal. nullptr: by the declared range, nothing is fitted.
  std::unique_ptr<ScoreFit> (*fit)(const std::vector<double>& sorted);
  std::unique_ptr<ScoreFit> (*read)(const Json& state);
};

const std::vector<ScoreMapping>& score_mappings();
const ScoreMapping& find_score_mapping(const std::string& name);  // InputError names the others

// The fits of a run's training rows, by source.
struct ScoreFits {
  std::string mapping;
  std::map<std::string, std::unique_ptr<ScoreFit>> by_source;
};

std::unique_ptr<ScoreFit> fit_min_max(const std::vector<double>& sorted);
std::unique_ptr<ScoreFit> fit_quantile(const std::vector<double>& sorted);
std::unique_ptr<ScoreFit> fit_z_score(const std::vector<double>& sorted);
std::unique_ptr<ScoreFit> read_min_max(const Json& state);
std::unique_ptr<ScoreFit> read_quantile(const Json& state);
std::unique_ptr<ScoreFit> read_z_score(const Json& state);

}  // namespace una::rows
