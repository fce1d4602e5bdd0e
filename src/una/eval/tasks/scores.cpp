#include "una/eval/tasks/scores.h"

#include <algorithm>

#include "una/base/error.h"
#include "una/base/format.h"

namespace una::eval {
namespace {

constexpr std::uint64_t kSeed = 42;  // of the bootstraps

// What every row contributes to a metric.
std::vector<Share> shares_of(const std::vector<RowResult>& rows, const std::string& metric) {
  std::vector<Share> shares;
  for (const RowResult& row : rows) {
    const auto found = std::find_if(row.parts.begin(), row.parts.end(),
                                    [&](const MetricPart& part) { return part.metric == metric; });
    check_input(found != row.parts.end(), "a row's result lacks the metric ", metric,
                "; its file was changed, remove it");
    shares.push_back({found->sum, found->count});
  }
  return shares;
}

std::vector<Share> pooled(const TaskResults& results, const std::string& metric) {
  std::vector<Share> all;
  for (const std::vector<RowResult>& rows : results) {
    const std::vector<Share> shares = shares_of(rows, metric);
    all.insert(all.end(), shares.begin(), shares.end());
  }
  return all;
}

std::vector<std::string> metrics_of(const TaskResults& results) {
  std::vector<std::string> names;
  for (const MetricPart& part : results.front().front().parts) { names.push_back(part.metric); }
  return names;
}

double above_chance(double value, double chance) {
  return 100 * std::max(0.0, (value - chance) / (1 - chance));
}

// The leaderboard's number from the shares of each subtask, [metric][subtask].
double leaderboard(const Task& task, const std::vector<Subtask>& subtasks,
                   const std::vector<std::vector<double>>& values, const std::vector<double>& rows) {
  double sum = 0, weight = 0;
  for (std::size_t s = 0; s < subtasks.size(); ++s) {
    const double own = task.normalised == Normalised::kSubtasks ? 1 : rows[s];
    double value = values[0][s];
    if (task.normalised == Normalised::kIfeval) { value = (values[0][s] + values[1][s]) / 2; }
    sum += own * (task.normalised == Normalised::kSubtasks ? above_chance(value, subtasks[s].chance) : value);
    weight += own;
  }
  const double mean = sum / weight;
  return task.normalised == Normalised::kSubtasks ? mean : above_chance(mean, subtasks.front().chance);
}

Interval normalised(const Task& task, const std::vector<Subtask>& subtasks, const TaskResults& results) {
  std::vector<std::string> metrics = {task.metric};
  if (task.normalised == Normalised::kIfeval) {
    metrics = {"prompt_level_strict_acc", "inst_level_strict_acc"};
  }
  std::vector<std::vector<std::vector<Share>>> shares;  // [metric][subtask][row]
  std::vector<double> rows;
  for (const std::string& metric : metrics) {
    shares.emplace_back();
    for (const std::vector<RowResult>& subtask : results) {
      shares.back().push_back(shares_of(subtask, metric));
    }
  }
  for (const auto& subtask : results) { rows.push_back(static_cast<double>(subtask.size())); }
  return bootstrap(rows, kSeed, [&](const std::vector<std::vector<std::size_t>>& drawn) {
    std::vector<std::vector<double>> values;
    for (const auto& metric : shares) {
      values.emplace_back();
      for (std::size_t s = 0; s < metric.size(); ++s) { values.back().push_back(ratio(metric[s], drawn[s])); }
    }
    return leaderboard(task, subtasks, values, rows);
  });
}

}  // namespace

TaskResults results_of(const std::vector<Subtask>& subtasks, const RowJournal& journal) {
  TaskResults results;
  for (const Subtask& subtask : subtasks) {
    results.emplace_back();
    for (const Item& item : subtask.items) {
      const RowResult* found = journal.find(subtask.name, item);
      check(found != nullptr, "results_of: a row is not done");
      results.back().push_back(*found);
    }
  }
  return results;
}

TaskScore score_task(const Task& task, const std::vector<Subtask>& subtasks, const TaskResults& results) {
  TaskScore score;
  for (const std::string& metric : metrics_of(results)) {
    const std::vector<Share> shares = pooled(results, metric);
    score.metrics.push_back({metric, share_interval(shares, kSeed), std::ssize(shares)});
  }
  score.normalised = normalised(task, subtasks, results);
  for (std::size_t s = 0; s < subtasks.size(); ++s) {
    score.subtasks.push_back(
        {subtasks[s].name, ratio(shares_of(results[s], task.metric)), std::ssize(results[s])});
  }
  return score;
}

std::string verdict_of(const Interval& gain) {
  return gain.low > 0 ? "better" : gain.high < 0 ? "worse" : "no difference shown";
}

std::vector<Change> compare_tasks(const TaskResults& before, const TaskResults& after) {
  std::vector<Change> changes;
  for (const std::string& metric : metrics_of(before)) {
    const std::vector<Share> old_shares = pooled(before, metric), new_shares = pooled(after, metric);
    check(old_shares.size() == new_shares.size(), "compare_tasks: other rows");
    std::vector<Share> gains;
    for (std::size_t i = 0; i < old_shares.size(); ++i) {
      gains.push_back({new_shares[i].sum - old_shares[i].sum, old_shares[i].count});
    }
    const Interval gain = bootstrap({static_cast<double>(gains.size())}, kSeed,
                                    [&](const auto& drawn) { return ratio(gains, drawn.front()); });
    changes.push_back({metric, gain, verdict_of(gain)});
  }
  return changes;
}

}  // namespace una::eval
