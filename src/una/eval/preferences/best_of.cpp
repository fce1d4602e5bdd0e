#include "una/eval/preferences/best_of.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "una/base/error.h"
#include "una/base/format.h"

namespace una::eval {
namespace {

double credit(const ScoredChoices& row) {
  const double best = *std::max_element(row.scores.begin(), row.scores.end());
  if (row.scores.front() != best) { return 0; }
  return 1 / static_cast<double>(std::count(row.scores.begin(), row.scores.end(), best));
}

struct TieStats {
  bool right = false;  // every right answer is above every wrong one
  double spread = 0;   // of the right answers
  double gap = 0;      // worst right less best wrong
};

TieStats stats_of(const ScoredChoices& row) {
  const auto end = row.scores.begin() + static_cast<std::ptrdiff_t>(row.right);
  check_input(row.right > 0 && end != row.scores.end(), "the row ", row.id,
              " of Ties needs right and wrong answers");
  const auto [low, high] = std::minmax_element(row.scores.begin(), end);
  const double gap = *low - *std::max_element(end, row.scores.end());
  return {gap > 0, *high - *low, gap};
}

double share_right(const std::map<std::string, TieStats>& stats) {
  if (stats.empty()) { return 0; }
  const auto right =
      std::count_if(stats.begin(), stats.end(), [](const auto& entry) { return entry.second.right; });
  return static_cast<double>(right) / static_cast<double>(stats.size());
}

}  // namespace

double ties_score(const std::vector<ScoredChoices>& rows) {
  std::map<std::string, TieStats> references, ties;
  for (const ScoredChoices& row : rows) {
    const std::vector<std::string> parts = split(row.id, ':');
    check_input(parts.size() == 2 && (parts[0] == "ref" || parts[0] == "tied"), "the id '", row.id,
                "' of a row of Ties is not ref:NUMBER or tied:NUMBER");
    (parts[0] == "ref" ? references : ties)[parts[1]] = stats_of(row);
  }
  double soft = 0, hard = 0, margin = 0, both = 0;
  for (const auto& [number, tied] : ties) {
    const auto reference = references.find(number);
    if (reference == references.end()) { continue; }
    const double gap = std::min(tied.gap, reference->second.gap);
    both += 1;
    soft += tied.gap > tied.spread ? 1 : 0;
    hard += gap > tied.spread ? 1 : 0;
    const double ratio = gap / tied.spread;  // 0 / 0 counts nothing, as upstream
    margin += std::isnan(ratio) ? 0 : std::tanh(ratio - 1);
  }
  const double pairs = std::max(both, 1.0);
  return 0.3 * share_right(ties) + 0.3 * share_right(references) + 0.2 * soft / pairs + 0.2 * hard / pairs +
         0.01 * margin / pairs;
}

BestOfScore score_best_of(const std::vector<ScoredChoices>& rows) {
  std::vector<std::pair<std::string, std::vector<ScoredChoices>>> groups;
  for (const ScoredChoices& row : rows) {
    auto found = std::find_if(groups.begin(), groups.end(),
                              [&](const auto& group) { return group.first == row.subset; });
    if (found == groups.end()) { found = groups.insert(groups.end(), {row.subset, {}}); }
    found->second.push_back(row);
  }
  BestOfScore score;
  for (const auto& [name, members] : groups) {
    SubsetAccuracy subset{name, {}, std::ssize(members)};
    if (name == "Ties") {
      const double value = ties_score(members);
      subset.accuracy = {value, value, value};
    } else {
      std::vector<Share> shares;
      for (const ScoredChoices& row : members) { shares.push_back({credit(row), 1}); }
      subset.accuracy = share_interval(shares, 42);
    }
    score.mean += subset.accuracy.mean;
    score.subsets.push_back(std::move(subset));
  }
  score.mean /= static_cast<double>(std::max<std::size_t>(score.subsets.size(), 1));
  return score;
}

}  // namespace una::eval
