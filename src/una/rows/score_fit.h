#pragma once

#include <map>
#include <memory>
#include <string>

#include "una/base/json.h"

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

// The fits of a run's training rows, by source.
struct ScoreFits {
  std::string mapping;
  std::map<std::string, std::unique_ptr<ScoreFit>> by_source;
};

// --score_fit as given: the file, or the folder that holds score_fit.json -> the file.
std::string score_fit_path(const std::string& path);

}  // namespace una::rows
