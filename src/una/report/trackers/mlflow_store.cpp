#include "una/report/trackers/mlflow_store.h"

#include <cmath>
#include <exception>
#include <filesystem>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/files/append_file.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/hash.h"
#include "una/base/log.h"
#include "una/base/options.h"
#include "una/base/os/host.h"

namespace una::report {
namespace {
namespace fs = std::filesystem;

// MLflow's RunStatus and SourceType.
constexpr int kRunning = 1, kFinished = 3, kFailed = 4, kLocalSource = 4;
constexpr std::size_t kLongestParam = 6000;  // of a value, in bytes

std::int64_t milliseconds() { return static_cast<std::int64_t>(unix_seconds() * 1000); }

std::string uri(const std::string& path) {
  return "file://" + fs::absolute(path).lexically_normal().string();
}

// The store's one run; "" without.
std::string run_of(const std::string& experiment) {
  if (!is_folder(experiment)) { return ""; }
  for (const auto& entry : fs::directory_iterator(experiment)) {
    if (entry.is_directory() && is_file(entry.path().string() + "/meta.yaml")) {
      return entry.path().filename().string();
    }
  }
  return "";
}

std::int64_t start_of(const std::string& meta) {
  for (const std::string& line : split(read_file(meta), '\n')) {
    if (starts_with(line, "start_time: ")) { return std::stoll(line.substr(12)); }
  }
  throw InputError(cat(meta, ": no start_time; remove the folder ", fs::path(meta).parent_path().string(),
                       " to begin a new one"));
}

void write_experiment(const std::string& folder) {
  if (is_file(folder + "/meta.yaml")) { return; }
  make_folder(folder);
  const std::int64_t now = milliseconds();
  write_file(
      folder + "/meta.yaml",
      cat("artifact_location: ", detail::yaml_text(uri(folder)), "\ncreation_time: ", now,
          "\nexperiment_id: '0'\n", "last_update_time: ", now, "\nlifecycle_stage: active\nname: Default\n"));
}

// What an earlier process wrote behind the checkpoint goes: those steps are taken again.
void cut_metrics_back(const std::string& folder, std::int64_t step) {
  if (!is_folder(folder)) { return; }
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) { continue; }
    std::string kept;
    for (const std::string& line : split(read_file(entry.path()), '\n')) {
      const std::size_t space = line.rfind(' ');
      if (space != std::string::npos && std::stoll(line.substr(space + 1)) <= step) { kept += line + "\n"; }
    }
    write_file(entry.path(), kept);
  }
}

// A number as Python's float() reads it.
std::string python_number(double value) {
  if (std::isnan(value)) { return "nan"; }
  if (std::isinf(value)) { return value > 0 ? "inf" : "-inf"; }
  return detail::yaml_text(value);
}

void write_words(const std::string& folder, const std::map<std::string, std::string>& words) {
  make_folder(folder);
  for (const auto& [name, text] : words) {
    write_file(cat(folder, "/", name), text.substr(0, kLongestParam));
  }
}

}  // namespace

MlflowStore::MlflowStore(const Options& options)
    : run_name_(options.run_name), exceptions_(std::uncaught_exceptions()) {
  const std::string experiment = options.store + "/0";
  write_experiment(experiment);
  run_id_ = options.resume_step >= 0 ? run_of(experiment) : "";
  const bool goes_on = !run_id_.empty();
  start_ = goes_on ? start_of(cat(experiment, "/", run_id_, "/meta.yaml")) : milliseconds();
  if (!goes_on) {
    run_id_ = hash_hex(cat(fs::absolute(options.store).string(), start_, process_id(), host_name()));
  }
  folder_ = experiment + "/" + run_id_;
  if (goes_on) { cut_metrics_back(folder_ + "/metrics", options.resume_step); }
  make_folder(folder_ + "/artifacts");
  make_folder(folder_ + "/metrics");
  write_words(folder_ + "/params", options.params);
  write_words(
      folder_ + "/tags",
      {{"mlflow.runName", run_name_}, {"mlflow.source.name", "una"}, {"mlflow.source.type", "LOCAL"}});
  write_meta(kRunning);
}

MlflowStore::~MlflowStore() {
  try {
    write_meta(std::uncaught_exceptions() > exceptions_ ? kFailed : kFinished);
  } catch (const std::exception& error) { log_warning(cat("MLflow's store: ", error.what())); }
}

void MlflowStore::write(std::int64_t step, const std::map<std::string, double>& values) const {
  const std::int64_t now = milliseconds();
  for (const auto& [name, value] : values) {
    const std::string path = cat(folder_, "/metrics/", name);
    if (!is_file(path)) { make_folder(fs::path(path).parent_path()); }
    AppendFile(path).append(cat(now, " ", python_number(value), " ", step, "\n"));
  }
}

void MlflowStore::write_meta(int status) const {
  const std::string end = status == kRunning ? "null" : cat(milliseconds());
  write_file(
      folder_ + "/meta.yaml",
      cat("artifact_uri: ", detail::yaml_text(uri(folder_ + "/artifacts")), "\nend_time: ", end,
          "\nentry_point_name: ''\nexperiment_id: '0'\nlifecycle_stage: active\nrun_id: ", run_id_,
          "\nrun_name: ", detail::yaml_text(run_name_), "\nsource_name: ''\nsource_type: ", kLocalSource,
          "\nsource_version: ''\nstart_time: ", start_, "\nstatus: ", status, "\ntags: []\nuser_id: una\n"));
}

}  // namespace una::report
