#include "una/study/grid/study.h"

#include <algorithm>
#include <cstdio>
#include <thread>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/files/output_folder.h"
#include "una/base/format.h"
#include "una/base/json_line.h"
#include "una/base/options.h"
#include "una/study/grid/cell_run.h"
#include "una/study/grid/cells.h"
#include "una/study/grid/job_pool.h"
#include "una/study/grid/seed_data.h"
#include "una/study/grid/study_page.h"
#include "una/study/grid/summary.h"

namespace una::study {
namespace {

OutputFolderRule output_rule(const StudyOptions& options) {
  OutputFolderRule rule;
  rule.goes_on = is_file(options.output_dir + "/study.yaml");
  rule.marks = {"study.yaml"};
  rule.work = "study";
  return rule;
}

// One seed or one cell, in this process.
int run_job(const StudyOptions& options) {
  for (const Seed& seed : make_seeds(options)) {
    if (options.job != seed_job(seed)) { continue; }
    make_seed(options, seed);
    return 0;
  }
  for (const Cell& cell : make_cells(options)) {
    if (options.job != cell.id) { continue; }
    const Json result = run_cell(options, cell);
    write_file(cell_file(options, cell), json_line(result));
    return 0;
  }
  throw InputError(
      cat("job: the study in ", options.output_dir, " has no seed or cell \"", options.job, "\""));
}

PoolJob pool_job(const StudyOptions& options, const std::string& name) {
  return {.name = name,
          .arguments = {"study", "--config", options.output_dir + "/study.yaml", "--job", name}};
}

void run_all(const char* what, const std::vector<PoolJob>& jobs, std::size_t processes) {
  if (jobs.empty()) { return; }
  std::printf("study: %zu %s to do, %zu at once\n", jobs.size(), what, std::min(processes, jobs.size()));
  std::fflush(stdout);
  run_jobs(jobs, processes, [](const PoolEvent& event) {
    std::printf("%zu/%zu  %s in %s, about %s left\n", event.done, event.all, event.name.c_str(),
                human_seconds(event.seconds).c_str(), human_seconds(event.seconds_left).c_str());
    std::fflush(stdout);
  });
}

std::size_t processes_of(const StudyOptions& options) {
  if (options.processes > 0) { return static_cast<std::size_t>(options.processes); }
  return std::max(1U, std::thread::hardware_concurrency());
}

void run_grid(const StudyOptions& options, const std::vector<Cell>& cells) {
  std::vector<PoolJob> seeds, trainings;
  for (const Seed& seed : make_seeds(options)) {
    if (!has_seed(options, seed)) { seeds.push_back(pool_job(options, seed_job(seed))); }
  }
  for (const Cell& cell : cells) {
    if (!is_file(cell_file(options, cell))) { trainings.push_back(pool_job(options, cell.id)); }
  }
  run_all("start models", seeds, processes_of(options));
  run_all("cells", trainings, processes_of(options));
}

}  // namespace

int run_study(StudyOptions options) {
  resolve(options);
  if (!options.job.empty()) { return run_job(options); }
  const std::vector<Cell> cells = make_cells(options);
  OutputFolder output(options.output_dir, output_rule(options));
  for (const Seed& seed : make_seeds(options)) {
    if (has_seed(options, seed)) { read_seed(options, seed); }  // of the same sizes
  }
  output.begin();
  make_folder(options.output_dir + "/cells");
  write_file(options.output_dir + "/study.yaml", print_options(options));
  output.keep();
  run_grid(options, cells);
  std::vector<Json> results;
  for (const Cell& cell : cells) { results.push_back(read_json_file(cell_file(options, cell))); }
  const Json summary = summarise(options, cells, results);
  write_file(options.output_dir + "/study.json", print_json(summary));
  write_file(options.output_dir + "/report.html", study_page(summary));
  std::printf("%s\nreport: %s/report.html\n", summary_tables(summary).c_str(), options.output_dir.c_str());
  return 0;
}

}  // namespace una::study
