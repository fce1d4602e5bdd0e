#include "una/study/grid/cells.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <set>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/json_line.h"
#include "una/base/rng.h"
#include "una/demo/noise.h"
#include "una/demo/task.h"
#include "una/study/grid/arms.h"

namespace una::study {
namespace {

const std::vector<std::string>& quick_arms() {
  static const std::vector<std::string> kArms = {"dpo",           "kto",           "una_binary_fitted",
                                                 "una_score_mse", "una_group",     "una_shrunk",
                                                 "una_mixed",     "una_likelihood"};
  return kArms;
}

std::string hex(std::uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

void check_different(const char* key, const std::vector<std::string>& list) {
  check_input(!list.empty(), key, ": one entry at least");
  const std::set<std::string> unique(list.begin(), list.end());
  check_input(unique.size() == list.size(), key, ": duplicate entry in ", join(list, ", "));
}

void check_factors(const char* key, const std::vector<std::string>& list) {
  check_different(key, list);
  bool has_one = false;
  for (const std::string& text : list) {
    const double value = number_of(key, text);
    check_input(value > 0, key, ": ", text, " must be positive");
    has_one = has_one || value == 1;
  }
  check_input(has_one, key, ": 1, the arm itself, must be among ", join(list, ", "));
}

void check_names(const StudyOptions& options) {
  for (const std::string& arm : options.arms) { find_arm(arm); }
  for (const std::string& task : options.tasks) { demo::find_task(task); }
  for (const std::string& noise : options.noises) { demo::find_noise(noise); }
  for (const std::string& seed : options.seeds) {
    const double value = number_of("seeds", seed);
    check_input(value >= 0 && value < 1e9 && value == std::floor(value), "seeds: ", seed,
                " must be a whole number from 0 to 999999999");
  }
  check_input(std::find(options.arms.begin(), options.arms.end(), options.baseline) != options.arms.end(),
              "baseline: ", options.baseline,
              " is not among the arms of this study: ", join(options.arms, ", "));
}

bool is_first(const std::string& task) { return task == demo::tasks().front().name; }

Cell make_cell(const StudyOptions& options, const StudyArm& arm, const std::string& noise, const Seed& seed) {
  Cell cell;
  cell.arm = arm.name;
  cell.task = seed.task;
  cell.noise = noise;
  cell.seed = seed.number;
  cell.beta = arm.beta;
  cell.learning_rate = arm.learning_rate;
  cell.settings = seed_settings(options, seed);
  return cell;
}

// Fills what depends on the factors.
Cell with_factors(Cell cell, const StudyOptions& options, double beta, double rate) {
  cell.is_nominal = beta == 1 && rate == 1;
  cell.beta *= beta;
  cell.learning_rate *= rate;
  cell.settings["arm"] = cell.arm;
  cell.settings["noise"] = cell.noise;
  cell.settings["beta"] = cell.beta;
  cell.settings["learning_rate"] = cell.learning_rate;
  cell.settings["steps"] = options.steps;
  cell.settings["adapter_scales"] = options.adapter_scales;
  cell.settings["curve_points"] = options.curve_points;
  cell.id = cat(is_first(cell.task) ? "" : cell.task + "-", cell.arm, "-",
                hex(random_bits(stream_id(dump_json(cell.settings)), 0, 0)));
  return cell;
}

}  // namespace

double number_of(const char* key, const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  check_input(!text.empty() && *end == '\0' && std::isfinite(value), key, ": \"", text, "\" is not a number");
  return value;
}

void resolve(StudyOptions& options) {
  const bool was_given = !options.seeds.empty();
  if (options.arms.empty() && options.quick) { options.arms = quick_arms(); }
  if (options.arms.empty()) {
    for (const StudyArm& arm : study_arms()) { options.arms.push_back(arm.name); }
  }
  if (options.tasks.empty()) { options.tasks = {demo::tasks().front().name}; }
  if (options.noises.empty()) { options.noises = {"gaussian"}; }
  if (options.seeds.empty()) { options.seeds = {"1", "2", "3"}; }
  if (!was_given && !options.quick) { options.seeds.insert(options.seeds.end(), {"4", "5"}); }
  check_different("arms", options.arms);
  check_different("tasks", options.tasks);
  check_different("noises", options.noises);
  check_different("seeds", options.seeds);
  check_factors("beta_factors", options.beta_factors);
  check_factors("rate_factors", options.rate_factors);
  check_factors("adapter_scales", options.adapter_scales);
  check_names(options);
  check_input(options.steps > 0 && options.sft_answers > 0 && options.feedback_prompts > 0 &&
                  options.held_out_prompts > 1 && options.threads >= 0 && options.processes >= 0 &&
                  options.curve_points >= 0,
              "study: steps, sft_answers and feedback_prompts must be positive, held_out_prompts 2 or more, "
              "threads, processes and curve_points 0 or more");
  check_input(options.kl > 0 && options.margin > 0, "study: kl and margin must be positive");
}

std::vector<Seed> make_seeds(const StudyOptions& options) {
  std::vector<Seed> out;
  for (const std::string& task : options.tasks) {
    for (const std::string& seed : options.seeds) { out.push_back({task, std::atoll(seed.c_str())}); }
  }
  return out;
}

Json seed_settings(const StudyOptions& options, const Seed& seed) {
  Json out{{"seed", seed.number},
           {"sft_answers", options.sft_answers},
           {"feedback_prompts", options.feedback_prompts},
           {"held_out_prompts", options.held_out_prompts},
           {"threads", options.threads}};
  if (!is_first(seed.task)) { out["task"] = seed.task; }
  return out;
}

std::vector<Cell> make_cells(const StudyOptions& options) {
  std::vector<Cell> cells;
  for (const std::string& name : options.arms) {
    for (const std::string& noise : options.noises) {
      for (const Seed& seed : make_seeds(options)) {
        const Cell cell = make_cell(options, find_arm(name), noise, seed);
        for (const std::string& beta : options.beta_factors) {
          for (const std::string& rate : options.rate_factors) {
            cells.push_back(with_factors(cell, options, number_of("beta_factors", beta),
                                         number_of("rate_factors", rate)));
          }
        }
      }
    }
  }
  return cells;
}

std::string seed_job(const Seed& seed) {
  return cat(is_first(seed.task) ? "" : seed.task + "-", "seed-", seed.number);
}

std::string cell_file(const StudyOptions& options, const Cell& cell) {
  return cat(options.output_dir, "/cells/", cell.id, ".json");
}

}  // namespace una::study
