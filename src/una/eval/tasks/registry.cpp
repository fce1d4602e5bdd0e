#include <algorithm>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/eval/tasks/bbh.h"
#include "una/eval/tasks/gpqa.h"
#include "una/eval/tasks/ifeval.h"
#include "una/eval/tasks/math_hard.h"
#include "una/eval/tasks/mmlu_pro.h"
#include "una/eval/tasks/musr.h"
#include "una/text/python/strings.h"

namespace una::eval {
namespace {

std::vector<Task> make_tasks() {
  return {
      {.name = "ifeval",
       .summary = "following instructions that a program can check",
       .metric = "prompt_level_strict_acc",
       .normalised = Normalised::kIfeval,
       .load = load_ifeval,
       .make_scorer = make_ifeval_scorer,
       .max_gen_toks = 1280,
       .stop = {},
       .write_sample = write_ifeval_sample},
      {.name = "bbh",
       .summary = "BIG-Bench Hard, multiple choice, 3 examples",
       .metric = "acc_norm",
       .normalised = Normalised::kSubtasks,
       .load = load_bbh,
       .stop = {},
       .write_sample = write_bbh_sample},
      {.name = "math_hard",
       .summary = "MATH level 5, written answers, 4 examples",
       .metric = "exact_match",
       .load = load_math_hard,
       .make_scorer = make_math_hard_scorer,
       .max_gen_toks = 1024,
       .stop = {"Problem:"},
       .write_sample = write_math_hard_sample},
      {.name = "gpqa",
       .summary = "graduate-level questions, multiple choice, no examples",
       .metric = "acc_norm",
       .load = load_gpqa,
       .stop = {},
       .write_sample = write_gpqa_sample},
      {.name = "musr",
       .summary = "reasoning over long stories, multiple choice, no examples",
       .metric = "acc_norm",
       .normalised = Normalised::kSubtasks,
       .load = load_musr,
       .stop = {},
       .write_sample = write_musr_sample},
      {.name = "mmlu_pro",
       .summary = "professional knowledge, ten choices, 5 examples",
       .metric = "acc",
       .load = load_mmlu_pro,
       .stop = {},
       .write_sample = write_mmlu_pro_sample},
  };
}

}  // namespace

const std::vector<Task>& tasks() {
  static const std::vector<Task> kTasks = make_tasks();
  return kTasks;
}

const Task& find_task(const std::string& name) {
  std::vector<std::string> names;
  for (const Task& task : tasks()) {
    if (task.name == name) { return task; }
    names.push_back(task.name);
  }
  const std::string near = nearest_name(name, names);
  throw InputError(
      cat("tasks: there is no task '", name, "'",
          near.empty() ? cat("; there are ", join(names, ", ")) : cat("; did you mean ", near, "?")));
}

std::vector<MetricPart> score_choices(const Item& item, const std::vector<double>& loglikelihoods) {
  const auto first_best = [&](const auto& value_of) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < loglikelihoods.size(); ++i) {
      if (value_of(i) > value_of(best)) { best = i; }
    }
    return static_cast<std::int64_t>(best);
  };
  const auto per_character = [&](std::size_t i) {
    return loglikelihoods[i] / static_cast<double>(text::python::length(item.choices[i]));
  };
  const std::int64_t best = first_best([&](std::size_t i) { return loglikelihoods[i]; });
  return {{"acc", best == item.gold ? 1.0 : 0.0, 1},
          {"acc_norm", first_best(per_character) == item.gold ? 1.0 : 0.0, 1}};
}

}  // namespace una::eval
