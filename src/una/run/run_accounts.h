#pragma once

#include <optional>
#include <string>

#include "una/data/dataset.h"
#include "una/run/plan/run_plan.h"
#include "una/setup/model_setup.h"
#include "una/setup/run_config.h"
#include "una/train/training_loop.h"

namespace una::run {

// A run that has come to its end; all must outlive the calls.
struct EndedRun {
  const setup::RunConfig& config;
  const setup::ModelSetup& model;
  const RunPlan& plan;
  const rows::ReadReport& read;
  const train::LoopResult& result;
};

// What was written of the files that only describe a run.
struct RunAccounts {
  std::optional<std::string> health;  // its text, "" where all is well
  bool has_report = false;
};

// Writes health.txt, summary.json and report.html into the run's folder. Each may fail with a warning only: what was
// trained is there already.
RunAccounts write_accounts(const EndedRun& run);

// "2 steps, 701 tokens in 0:01, reward -1, KL 0.02, ..." for the log; the loss where it says something, not in online
// methods, whose loss is about 0 whatever they learn.
std::string totals_text(const EndedRun& run);
// Where the result is, and the report if there is one.
std::string result_text(const setup::RunConfig& config, const RunAccounts& accounts);

}  // namespace una::run
