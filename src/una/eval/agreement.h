#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace una::eval {

// How well scores of answers agree with the feedback in their rows: `una score` ends with it.
class Agreement {
 public:
  void add_pair(double chosen, double rejected);
  void add_target(double score, double target);  // a scored answer
  void add_label(double score, bool good);

  // Share of pairs whose chosen answer has the higher score; ties count one half. nullopt: no pairs.
  std::optional<double> pair_accuracy() const;
  // Pearson's correlation of scores and targets. nullopt: fewer than two, or one side constant.
  std::optional<double> correlation() const;
  // Share of (good, bad) couples in which the good answer has the higher score; ties count one half (AUC).
  std::optional<double> label_accuracy() const;

  // One line per kind of feedback that was there; "" where there was none.
  std::string text() const;

 private:
  double pairs_ = 0, right_ = 0;
  std::vector<std::pair<double, double>> scored_;  // score, target
  std::vector<double> good_, bad_;
};

}  // namespace una::eval
