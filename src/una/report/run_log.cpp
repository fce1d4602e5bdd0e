#include "una/report/run_log.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <filesystem>
#include <optional>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/files/append_file.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/log.h"
#include "una/base/os/host.h"
#include "una/report/console_row.h"
#include "una/report/rows.h"
#include "una/report/trackers/event_writer.h"
#include "una/report/trackers/mlflow_store.h"
#include "una/report/trackers/wandb_folder.h"

namespace una::report {
namespace {
namespace fs = std::filesystem;

// A fresh run starts an empty file; a resumed one keeps its rows up to the checkpoint, byte for byte.
std::vector<LogRow> cut_back(const std::string& path, std::int64_t resume_step) {
  std::string kept;
  std::vector<LogRow> history;
  if (resume_step >= 0 && is_file(path)) {
    for (StoredLine& line : read_rows(read_file(path), path)) {
      if (line.stored.row.step > resume_step) { continue; }
      kept += line.line + "\n";
      history.push_back(std::move(line.stored.row));
    }
  }
  write_file(path, kept);
  return history;
}

std::string local_date() {
  const auto now = static_cast<std::time_t>(unix_seconds());
  std::tm parts{};
  ::localtime_r(&now, &parts);
  std::array<char, 40> buffer{};
  std::strftime(buffer.data(), buffer.size(), "%Y-%m-%d_%H-%M-%S", &parts);
  return buffer.data();
}

// A resumed run goes on in the newest folder of before, so that TensorBoard shows one curve.
std::string event_folder(const RunLogOptions& options, bool resumes) {
  if (!options.logging_dir.empty()) { return options.logging_dir; }
  const std::string runs = options.output_dir + "/runs";
  std::string newest;
  if (resumes && is_folder(runs)) {
    for (const auto& entry : fs::directory_iterator(runs)) {
      if (entry.is_directory()) { newest = std::max(newest, entry.path().filename().string()); }
    }
  }
  return runs + "/" + (newest.empty() ? local_date() + "_" + host_name() : newest);
}

std::map<std::string, double> scalars_of(const LogRow& row) {
  std::map<std::string, double> scalars;
  for (const auto& [name, value] : row.values) { scalars[tensorboard_tag(name)] = value; }
  if (!is_eval_row(row)) { scalars["train/epoch"] = row.epoch; }
  return scalars;
}

WandbFolder::Options wandb_options(const RunLogOptions& options, const std::vector<LogRow>& history,
                                   bool resumes) {
  WandbFolder::Options out{.folder = options.output_dir + "/wandb",
                           .run_name = fs::path(options.output_dir).filename().string(),
                           .project = options.project,
                           .params = options.params,
                           .history = {},
                           .resumes = resumes};
  for (const LogRow& row : history) { out.history.push_back({row.step, scalars_of(row)}); }
  return out;
}

}  // namespace

struct RunLog::Impl {
  std::string path;
  std::vector<LogRow> history;
  AppendFile file;
  std::optional<EventWriter> events;
  std::optional<MlflowStore> mlflow;
  std::optional<WandbFolder> wandb;
  std::int64_t total_steps;
  bool console_rows;

  Impl(const RunLogOptions& options, std::int64_t total, std::int64_t resume_step)
      : path(options.output_dir + "/metrics.jsonl"),
        history(cut_back(path, resume_step)),
        file(path),
        total_steps(total),
        console_rows(options.console_rows) {
    const bool resumes = resume_step >= 0;
    if (options.tensorboard) {
      events.emplace(event_folder(options, resumes), resumes ? resume_step + 1 : -1);
    }
    if (options.mlflow) {
      mlflow.emplace(MlflowStore::Options{.store = options.output_dir + "/mlruns",
                                          .run_name = fs::path(options.output_dir).filename().string(),
                                          .params = options.params,
                                          .resume_step = resume_step});
    }
    if (options.wandb) { wandb.emplace(wandb_options(options, history, resumes)); }
  }
};

RunLog::RunLog(const RunLogOptions& options, std::int64_t total_steps, std::int64_t resume_step) {
  make_folder(options.output_dir);
  impl_ = std::make_unique<Impl>(options, total_steps, resume_step);
}

RunLog::~RunLog() = default;

void RunLog::write(const LogRow& row, double elapsed, double remaining) {
  Impl& impl = *impl_;
  const StoredRow stored{
      .row = row, .total_steps = impl.total_steps, .elapsed = elapsed, .remaining = remaining};
  impl.file.append(print_row(stored) + "\n");
  impl.history.push_back(row);
  const std::map<std::string, double> scalars = scalars_of(row);
  if (impl.events) { impl.events->write(row.step, scalars); }
  if (impl.mlflow) { impl.mlflow->write(row.step, scalars); }
  if (impl.wandb) { impl.wandb->write(row.step, scalars); }
  if (impl.console_rows) { log_info(console_row(stored)); }
}

const std::vector<LogRow>& RunLog::history() const { return impl_->history; }

}  // namespace una::report
