#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "una/base/json.h"
#include "una/study/grid/study_options.h"

namespace una::study {

// One training and its measurements: everything that its figures depend on is in `settings`, and `id` is the task
// (but for the first of the table), the arm and a hash of them, so that a cell is found again whatever else the study asks for.
struct Cell {
  std::string id, arm, task, noise;
  std::int64_t seed = 0;
  double beta = 0, learning_rate = 0;
  bool is_nominal = true;  // both factors 1: the arm of the tables
  Json settings;
};

// Empty lists filled in: all arms and seeds 1 to 5, or those of --quick. InputError on unknown names, repeated entries,
// numbers out of range, or a baseline outside the arms.
void resolve(StudyOptions& options);
// The cells of resolved options, arm by arm.
std::vector<Cell> make_cells(const StudyOptions& options);

// One start model, and the samples that all its cells share.
struct Seed {
  std::string task;
  std::int64_t number = 0;
};
std::vector<Seed> make_seeds(const StudyOptions& options);  // of resolved options, task by task
// What a seed's start model and samples depend on. The task only where it is not the first of the table, so that studies
// from the time of one task go on.
Json seed_settings(const StudyOptions& options, const Seed& seed);

std::string seed_job(const Seed& seed);  // "seed-1", "style-seed-1"; also its folder's name
std::string cell_file(const StudyOptions& options, const Cell& cell);
double number_of(const char* key, const std::string& text);  // InputError names the key

}  // namespace una::study
