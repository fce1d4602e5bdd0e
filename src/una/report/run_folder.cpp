#include "una/report/run_folder.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>

#include <sys/stat.h>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/report/html_report.h"

namespace una::report {
namespace {
namespace fs = std::filesystem;

Json json_or_null(const std::string& path) { return is_file(path) ? read_json_file(path) : Json(); }

std::vector<Json> read_samples(const std::string& path) {
  std::vector<Json> samples;
  if (!is_file(path)) { return samples; }
  const std::vector<std::string> lines = split(read_file(path), '\n');
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (trim(lines[i]).empty()) { continue; }
    try {
      samples.push_back(parse_json(lines[i], cat(path, ":", i + 1)));
    } catch (const InputError&) {
      if (i + 1 < lines.size()) {
        throw;  // the last line may be torn by a kill
      }
      continue;
    }
    check_input(samples.back().is_object(), path, ":", i + 1, ": a JSON object is needed");
  }
  return samples;
}

std::string modification_date(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 ? utc_timestamp(static_cast<double>(status.st_mtime)) : "";
}

// What the run says of itself; the first file that knows holds.
void read_facts(const std::string& path, RunFolder& run) {
  for (const char* name : {"/environment.json", "/summary.json", "/demo.json"}) {
    const std::string file = path + name;
    const Json json = json_or_null(file);
    if (run.version.empty()) { run.version = string_member(json, "una_version", "", file); }
    if (run.version.empty()) { run.version = string_member(json, "una", "", file); }
    if (run.peak_mb == 0) { run.peak_mb = number_member(json, "peak_memory_mb", 0, file); }
    for (const auto& [key, label] : {std::pair("started", "Started"), std::pair("finished", "Finished")}) {
      if (!run.date.empty()) { continue; }
      run.date = string_member(json, key, "", file);
      if (!run.date.empty()) { run.date_of = label; }
    }
  }
  for (const char* name : {"/run.yaml", "/results.json", "/metrics.jsonl"}) {
    if (run.date.empty()) { run.date = modification_date(path + name); }
  }
}

RunFolder read_one(const std::string& path) {
  RunFolder run;
  run.name = fs::path(absolute_path(path + "/.")).parent_path().filename().string();
  run.label = run.name;
  if (is_file(path + "/run.yaml")) {
    run.yaml_text = read_file(path + "/run.yaml");
    run.settings = parse_yaml_settings(run.yaml_text, path + "/run.yaml");
  }
  const std::string metrics_path = path + "/metrics.jsonl";
  const std::string metrics = is_file(metrics_path) ? read_file(metrics_path) : "";
  for (StoredLine& line : read_rows(metrics, metrics_path)) { run.rows.push_back(std::move(line.stored)); }
  const std::string health_path = path + "/health.txt";
  run.health = is_file(health_path) ? read_file(health_path) : health_text(metrics, run.setting("method"));
  run.data = json_or_null(path + "/data.json");
  run.results = json_or_null(path + "/results.json");
  run.samples = read_samples(path + "/samples.jsonl");
  run.evaluations = read_samples(path + "/eval_samples.jsonl");
  run.has_report = is_file(path + "/report.html");
  read_facts(path, run);
  return run;
}

RunFolder read_part(const std::string& path, const std::string& label) {
  RunFolder part = read_one(path);
  if (!label.empty()) { part.label = label; }
  return part;
}

// The training runs of `una rounds`, in their order.
std::vector<RunFolder> read_rounds(const std::string& path) {
  std::vector<RunFolder> parts;
  for (int round = 1;; ++round) {
    const std::string folder = cat(path, "/round-", round, "/adapter");
    if (!is_file(folder + "/metrics.jsonl")) { return parts; }
    parts.push_back(read_part(folder, cat("round ", round)));
  }
}

// The methods of results.json in its order, each in the subfolder of its name or of its "folder"; where that
// finds none, every subfolder with metrics, by name.
std::vector<RunFolder> read_parts(const std::string& path, const Json& results) {
  const auto has_metrics = [](const std::string& folder) { return is_file(folder + "/metrics.jsonl"); };
  std::vector<RunFolder> parts;
  const Json methods = results.is_object() ? results.value("methods", Json::array()) : Json::array();
  for (const Json& method : methods) {
    const std::string name = string_member(method, "name", "", path + "/results.json");
    const std::string folder = string_member(method, "folder", name, path + "/results.json");
    const bool inside = !folder.empty() && folder.find('/') == std::string::npos && folder != "..";
    const std::string at = cat(path, "/", folder);
    if (inside && has_metrics(at)) { parts.push_back(read_part(at, name)); }
  }
  if (parts.empty()) { parts = read_rounds(path); }
  if (!parts.empty()) { return parts; }
  for (const auto& entry : fs::directory_iterator(path)) {
    if (has_metrics(entry.path().string())) { parts.push_back(read_part(entry.path().string(), "")); }
  }
  std::sort(parts.begin(), parts.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return parts;
}

}  // namespace

std::vector<LogRow> RunFolder::log_rows() const {
  std::vector<LogRow> all;
  for (const StoredRow& stored : rows) { all.push_back(stored.row); }
  return all;
}

std::string RunFolder::setting(const char* key) const {
  const Setting* found = settings.find(key);
  if (found == nullptr || found->is_null) { return ""; }
  return found->is_list ? join(found->list, ", ") : found->text;
}

double RunFolder::seconds() const { return rows.empty() ? 0 : rows.back().elapsed; }

RunFolder read_run_folder(const std::string& path) {
  check_input(is_folder(path), path, " is not a folder: give the run folder (--output_dir of the run)");
  RunFolder run = read_one(path);
  if (run.rows.empty() || !run.results.is_null()) { run.parts = read_parts(path, run.results); }
  check_input(!run.rows.empty() || !run.parts.empty(), path,
              ": neither it nor a subfolder holds a metrics.jsonl with rows, so there is nothing to report");
  return run;
}

}  // namespace una::report
