#include "una/eval/agreement.h"

#include <algorithm>
#include <cmath>

#include "una/base/format.h"

namespace una::eval {

void Agreement::add_pair(double chosen, double rejected) {
  pairs_ += 1;
  right_ += chosen > rejected ? 1 : chosen == rejected ? 0.5 : 0;
}

void Agreement::add_target(double score, double target) { scored_.emplace_back(score, target); }

void Agreement::add_label(double score, bool good) { (good ? good_ : bad_).push_back(score); }

std::optional<double> Agreement::pair_accuracy() const {
  if (pairs_ == 0) { return std::nullopt; }
  return right_ / pairs_;
}

std::optional<double> Agreement::correlation() const {
  const auto n = static_cast<double>(scored_.size());
  if (n < 2) { return std::nullopt; }
  double mean_score = 0, mean_target = 0;
  for (const auto& [score, target] : scored_) {
    mean_score += score / n;
    mean_target += target / n;
  }
  double both = 0, scores = 0, targets = 0;
  for (const auto& [score, target] : scored_) {
    both += (score - mean_score) * (target - mean_target);
    scores += (score - mean_score) * (score - mean_score);
    targets += (target - mean_target) * (target - mean_target);
  }
  if (scores <= 0 || targets <= 0) { return std::nullopt; }
  return both / std::sqrt(scores * targets);
}

std::optional<double> Agreement::label_accuracy() const {
  if (good_.empty() || bad_.empty()) { return std::nullopt; }
  std::vector<double> bad = bad_;
  std::sort(bad.begin(), bad.end());
  double wins = 0;
  for (const double score : good_) {
    const auto [below, above] = std::equal_range(bad.begin(), bad.end(), score);
    wins += static_cast<double>(below - bad.begin()) + 0.5 * static_cast<double>(above - below);
  }
  return wins / (static_cast<double>(good_.size()) * static_cast<double>(bad.size()));
}

std::string Agreement::text() const {
  std::vector<std::string> lines;
  if (const auto accuracy = pair_accuracy()) {
    lines.push_back(cat("pairs      the chosen answer scores higher in ", percent(*accuracy, 1), " of ",
                        thousands(static_cast<std::int64_t>(pairs_))));
  }
  if (const auto r = correlation()) {
    lines.push_back(cat("scores     correlation with the rows' own ", fixed(*r, 3), ", over ",
                        thousands(static_cast<std::int64_t>(scored_.size())), " answers"));
  }
  if (const auto accuracy = label_accuracy()) {
    lines.push_back(cat("labels     a good answer scores higher than a bad one in ", percent(*accuracy, 1),
                        " of all couples (", good_.size(), " good, ", bad_.size(), " bad)"));
  }
  return join(lines, "\n");
}

}  // namespace una::eval
