#include "una/run/task_evaluation.h"

#include <algorithm>
#include <utility>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/hash.h"
#include "una/base/os/interrupt.h"
#include "una/eval/tasks/task_run.h"

namespace una::run {
namespace {

Json results_json(const eval::TaskResults& results) {
  Json out = Json::array();
  for (const std::vector<eval::RowResult>& rows : results) {
    Json list = Json::array();
    for (const eval::RowResult& row : rows) {
      Json parts = Json::array();
      for (const eval::MetricPart& part : row.parts) { parts.push_back({part.metric, part.sum, part.count}); }
      list.push_back(std::move(parts));
    }
    out.push_back(std::move(list));
  }
  return out;
}

eval::TaskResults read_results(const Json& json) {
  eval::TaskResults results;
  for (const Json& rows : json) {
    results.emplace_back();
    for (const Json& row : rows) {
      results.back().emplace_back();
      for (const Json& part : row) {
        results.back().back().parts.push_back(
            {part.at(0).get<std::string>(), part.at(1).get<double>(), part.at(2).get<double>()});
      }
    }
  }
  return results;
}

}  // namespace

TaskEvaluation::TaskEvaluation(std::vector<eval::LoadedTask> tasks, TaskPolicy policy, std::string folder,
                               dist::Gang& gang)
    : tasks_(std::move(tasks)), policy_(std::move(policy)), folder_(std::move(folder)), gang_(gang) {}

// The weights differ from step to step, so a file of this step that is there is of an evaluation that is made again.
eval::TaskResults TaskEvaluation::ask(const eval::LoadedTask& task, std::int64_t step) const {
  const std::string folder = cat(folder_, "/step-", step), path = cat(folder, "/", task.task->name, ".jsonl");
  make_folder(folder);
  if (is_file(path)) { write_file(path, ""); }
  eval::RowJournal journal(path, cat("step ", step));
  const bool alone = gang_.size() == 1;  // ranks must not stop at different rows
  const std::int64_t longest_answer = std::min(task.task->max_gen_toks, policy_.positions / 2);
  const bool whole =
      eval::run_task(*task.task, task.subtasks, task.scorer.get(), {{"policy", policy_.policy, &journal}},
                     {.tokenizer = &policy_.text->tokenizer(),
                      .stop_ids = policy_.stop_ids,
                      .max_length = policy_.positions,
                      .max_gen_toks = longest_answer,
                      .stopped = [alone] { return alone && interrupted(); }});
  if (!whole) { throw Interrupted("stopped during an evaluation, which is made again by the resumed run"); }
  return eval::results_of(task.subtasks, journal);
}

std::string TaskEvaluation::content_hash() const {
  Hasher hasher;
  for (const eval::LoadedTask& task : tasks_) {
    for (const eval::Subtask& subtask : task.subtasks) {
      hasher.add(subtask.name);
      for (const eval::Item& item : subtask.items) { hasher.add(item.context).add(join(item.choices, "\n")); }
    }
  }
  return hasher.hex();
}

MetricSums TaskEvaluation::evaluate(std::int64_t step) {
  MetricSums metrics;
  for (const eval::LoadedTask& task : tasks_) {
    const std::string& name = task.task->name;
    eval::TaskResults now = ask(task, step);
    for (const eval::MetricScore& metric : eval::score_task(*task.task, task.subtasks, now).metrics) {
      metrics.add(cat(name, "_", metric.metric), metric.value.mean);
    }
    if (step == 0) { start_[name] = now; }
    const auto before = start_.find(name);
    if (before == start_.end()) { continue; }
    for (const eval::Change& change : eval::compare_tasks(before->second, now)) {
      if (change.metric == task.task->metric) {
        metrics.add(cat(name, "_", change.metric, "_gain"), change.gain.mean);
      }
    }
  }
  return metrics;
}

Json TaskEvaluation::state() const {
  Json out = Json::object();
  for (const auto& [name, results] : start_) { out[name] = results_json(results); }
  return out;
}

void TaskEvaluation::load_state(const Json& state) {
  for (const auto& [name, results] : state.items()) { start_[name] = read_results(results); }
}

}  // namespace una::run
